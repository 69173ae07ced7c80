//! The operator's lists, as plugins are answered from them.
//!
//! Which lists those are is a matter of the stream: an event of kind `intel` names their digest. A
//! replay that has not those lists answers from none.

use super::PluginHost;
use crate::{intel::Lists, manifest::Service, plugin::outcome::Outcome};
use std::sync::Arc;
use vedette_sensor::event::Event;

impl PluginHost {
    /// Has lists at hand. Plugins are answered from them once an event names their digest.
    pub fn supply(&mut self, lists: Arc<Lists>) {
        self.supplied = Some(lists);
    }

    /// Answers plugins from these lists until an event names others: for a replay, as a capture
    /// that was made without lists names none.
    pub fn begin_with(&mut self, lists: Arc<Lists>) {
        self.supply(lists.clone());
        self.use_lists(Some(lists));
    }

    /// Turns to the lists that this event of kind `intel` names, between two events of every
    /// plugin: to none where they are not at hand, which is said if a plugin asks.
    pub fn turn_lists(&mut self, event: &Event) {
        let given = self.supplied.clone();
        let recorded = String::from_utf8_lossy(&event.text);
        let lists = given.filter(|lists| lists.digest().to_string() == recorded);
        if lists.is_none() && self.plugins.iter().any(|p| p.has(Service::Intel)) {
            self.send(Outcome::OtherLists {
                recorded: recorded.into_owned(),
                given: self.supplied.as_ref().map(|lists| lists.digest()),
            });
        }
        self.use_lists(lists);
    }

    fn use_lists(&mut self, lists: Option<Arc<Lists>>) {
        self.lists = lists;
        for plugin in &mut self.plugins {
            plugin.turn_lists(self.lists.clone());
        }
    }
}
