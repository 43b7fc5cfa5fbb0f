//! Schedules: when they tick, which ticks are fired, and which give way to runs that have not ended.

mod cron;
mod ticks;
mod timetable;

pub(crate) use cron::Cron;
pub(crate) use ticks::{decide, due};
pub(crate) use timetable::{Custom, Pattern, Timetable, zone};
