//! What stands beside an entry: the list that it is of, and what that list says of it.

use std::{collections::HashMap, sync::Arc};

/// Number of a list with a note.
pub(super) type Tag = u32;

/// Most text of notes: what lists say must not take more memory than what they list. Entries
/// beyond that have no note.
const MAX_NOTES: usize = 64 << 20;
/// Longest note in bytes; what is behind it is cut off.
const MAX_NOTE: usize = 256;
/// Notes that are looked for among those there already: a list that says something else of each
/// entry must not take several times its own size while it is read.
const REMEMBERED: usize = 16 << 10;

#[derive(Debug)]
struct Row {
    list: u32,
    begin: u32,
    len: u32,
}

/// Lists and notes by tag.
#[derive(Debug, Default)]
pub(super) struct Tags {
    lists: Vec<Arc<str>>,
    rows: Vec<Row>,
    text: String,
}

/// Makes [`Tags`].
#[derive(Debug, Default)]
pub(super) struct TagsBuilder {
    tags: Tags,
    /// Notes of the list that is being read.
    known: HashMap<Box<str>, Tag>,
    /// Notes that were left out.
    pub left_out: u64,
}

impl TagsBuilder {
    /// What is read from now on is of this list.
    pub fn list(&mut self, name: &str) {
        if self.tags.lists.last().is_none_or(|last| **last != *name) {
            self.tags.lists.push(name.into());
            self.known.clear();
        }
    }

    /// The tag of an entry of the list that is on, with this note.
    pub fn tag(&mut self, note: &str) -> Tag {
        let mut note = &note[..note.floor_char_boundary(MAX_NOTE)];
        if let Some(tag) = self.known.get(note) {
            return *tag;
        }
        if self.tags.text.len() + note.len() > MAX_NOTES {
            self.left_out += 1;
            note = "";
            if let Some(tag) = self.known.get(note) {
                return *tag;
            }
        }
        let tag = self.tags.rows.len() as Tag;
        self.tags.rows.push(Row {
            list: self.tags.lists.len().saturating_sub(1) as u32,
            begin: self.tags.text.len() as u32,
            len: note.len() as u32,
        });
        self.tags.text.push_str(note);
        if self.known.len() == REMEMBERED {
            self.known.clear();
        }
        self.known.insert(note.into(), tag);
        tag
    }

    pub fn finish(mut self) -> Tags {
        self.tags.rows.shrink_to_fit();
        self.tags.text.shrink_to_fit();
        self.tags
    }
}

impl Tags {
    /// The list and the note of a tag.
    pub fn get(&self, tag: Tag) -> (&Arc<str>, &str) {
        let row = &self.rows[tag as usize];
        let begin = row.begin as usize;
        (
            &self.lists[row.list as usize],
            &self.text[begin..begin + row.len as usize],
        )
    }

    /// How many lists there are.
    pub fn lists(&self) -> usize {
        self.lists.len()
    }

    /// Bytes of memory.
    pub fn size(&self) -> usize {
        self.rows.len() * size_of::<Row>() + self.text.len()
    }
}
