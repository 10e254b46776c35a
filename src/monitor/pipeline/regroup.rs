//! Whom those that are told with others are told with from now on, and what explains those that were told
//! before. Pure.

use std::collections::BTreeMap;

use super::Common;
use super::common::commons;
use super::groups::Groups;
use super::tally::Flow;
use crate::config::Pipeline;
use crate::journal::entities::{Part, Silence};
use crate::journal::incidents::Stall;
use crate::monitor::fleet::Fleet;
use crate::monitor::fleet::dependencies::Upstream;

/// What changes in it after a round that leaves these stalls `open`, by place in the fleet.
#[must_use]
pub fn regroup(
    fleet: &Fleet,
    open: &BTreeMap<Common, Stall>,
    limits: &Pipeline,
    now: i64,
) -> Vec<(usize, Part)> {
    let may_move = |(_, silence): &(usize, Silence)| silence.part != Part::Alone || !open.is_empty();
    let silences: Vec<(usize, Silence)> = fleet.silences().filter(may_move).collect();
    if silences.is_empty() {
        return Vec::new();
    }
    let groups = Groups::of(fleet, &[], open, limits, now);
    let moved = |(at, silence): (usize, Silence)| Some((at, groups.moved(at, silence, open)?));
    silences.into_iter().filter_map(moved).collect()
}

impl Groups<'_> {
    fn moved(&self, at: usize, silence: Silence, open: &BTreeMap<Common, Stall>) -> Option<Part> {
        let upstream = self.fleet.upstream(at, self.now);
        match silence.part {
            Part::Alone => {
                let entity = &self.fleet.entities()[at];
                let led = open.iter().find(|(common, stall)| self.led_to(entity, silence, common, stall));
                led.map(|(_, stall)| Part::Led(stall.incident))
            }
            Part::Led(_) => None,
            Part::Of(whole) => {
                let stall = open.iter().find(|(_, stall)| stall.incident == whole);
                let free = match stall {
                    Some((common, stall)) => self.has_outlived(silence, common, stall),
                    None => !matches!(upstream, Upstream::Down(_)),
                };
                free.then_some(Part::FreeSince(self.now))
            }
            Part::FreeSince(_) => match (self.stopped(at, open), upstream) {
                (Some(stall), _) => Some(Part::Of(stall.incident)),
                (None, Upstream::Down(incident)) => Some(Part::Of(incident)),
                (None, _) => None,
            },
        }
    }

    /// Whether it fell silent so long before or after a stall began, or got worse, that only the want of any
    /// documents explained it, and they come again.
    fn has_outlived(&self, silence: Silence, common: &Common, stall: &Stall) -> bool {
        let far = |at: i64| {
            [stall.opened, stall.noticed].into_iter().all(|began| (at - began).abs() > self.window())
        };
        far(silence.opened) && far(silence.noticed()) && self.flow(common) == Flow::Flowing
    }

    /// An open stall of something that it shares and of which nothing comes.
    fn stopped<'s>(&self, at: usize, open: &'s BTreeMap<Common, Stall>) -> Option<&'s Stall> {
        let shared = commons(self.fleet, &self.fleet.entities()[at]);
        let stopped = shared.iter().filter(|common| self.flow(common) == Flow::Stopped);
        stopped.filter_map(|common| open.get(common)).next()
    }
}
