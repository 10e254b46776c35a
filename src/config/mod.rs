//! Configuration: layers, their origins, and what comes out of them.

pub mod duration;
pub mod matcher;
pub mod model;

pub use model::{
    Agent, ChannelTable, Class, Group, Level, LogSettings, Need, Policy, Reminders, Route, Settings,
    SourceTable, Step, Watch,
};
