//! A typed view for each kind of event, generated from the event catalogue:
//! `event.as_connect()?.port()`.

use crate::{Event, Process};

vedette_contract::typed_views!(Event, Process);
