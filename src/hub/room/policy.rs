//! What the registry decides, carried out on one shard: the copy of the policy, whoever has to leave, the TOPIC lines.
//!
//! Orders are left at the seats, and a client obeys its orders before it writes another byte. So when the last shard has carried a ban
//! out, nobody banned hears another word; and the answer goes by way of the log, so that nobody is heard either.

use std::rc::Rc;
use std::sync::Arc;

use actix::{Context, Handler};

use crate::hub::log::AnswerBehind;
use crate::hub::registry::{Announcement, ChangeAnswered, PolicyChanged, Whom};
use crate::hub::rules::access::Action;
use crate::hub::seat::Seat;
use crate::ops::again;
use crate::ops::config::lists;
use crate::ops::panic_at;

use super::{Room, State};

impl Handler<PolicyChanged> for Room {
    type Result = ();

    fn handle(&mut self, changed: PolicyChanged, _: &mut Context<Self>) {
        let _place = panic_at::place("room/PolicyChanged");
        // As with batches: strictly in order, and what was lost to a panic comes again.
        if changed.number != self.shard.policies.applied() + 1 {
            return;
        }
        let announcement = &changed.announcement;
        self.shard
            .policies
            .set(&announcement.room, announcement.policy.clone());
        panic_at::point("half-applied");
        self.put_out(announcement);
        self.tell_topic(announcement);
        self.shard.policies.note_applied(changed.number);
        let Some((answered, behind_the_log)) = announcement.heard() else {
            return;
        };
        let links = self.shard.links();
        if behind_the_log {
            links.log.do_send(AnswerBehind(answered));
        } else if let Some(room) = links.rooms.get(usize::from(answered.client.shard)) {
            room.do_send(answered);
        }
    }
}

impl Room {
    fn put_out(&self, announcement: &Announcement) {
        let (room, reason) = (&announcement.room, &announcement.reason);
        let may_stay = |seat: &Rc<Seat>| self.shard.judge(seat, room, Action::Join).is_allowed();
        match &announcement.whom {
            Whom::Nobody => {}
            Whom::Members => {
                self.each_in(announcement, |seat| {
                    if !may_stay(seat) {
                        seat.order_out(room, reason);
                    }
                });
                // Those who are not in the room may be reading of its past, and have lines of that which their sockets do not take.
                self.shard.each_seat(|seat| {
                    if (seat.is_unread() || seat.has_unsent()) && !may_stay(seat) {
                        seat.order_out(room, reason);
                    }
                });
            }
            // Those who are not in the room too: they may be reading of it, or be about to come back after a panic of this actor.
            Whom::Network(network) => self.shard.each_seat(|seat| {
                if lists(std::slice::from_ref(network), seat.peer().ip()) && !may_stay(seat) {
                    seat.order_out(room, reason);
                }
            }),
            Whom::User(account) => self.shard.each_seat(|seat| {
                if is(seat, account) && !may_stay(seat) {
                    seat.order_out(room, reason);
                }
            }),
            Whom::Kicked(account) => {
                let mut inside = 0;
                self.each_in(announcement, |seat| {
                    inside += usize::from(is(seat, account));
                });
                announcement.put_out(inside);
                self.shard.each_seat(|seat| {
                    if is(seat, account) {
                        seat.order_out(room, reason);
                    }
                });
            }
        }
    }

    fn tell_topic(&self, announcement: &Announcement) {
        if let Some(line) = &announcement.topic {
            self.each_in(announcement, |seat| {
                seat.leave_topic(&announcement.room, line);
            });
        }
    }

    fn each_in(&self, announcement: &Announcement, visit: impl FnMut(&Rc<Seat>)) {
        if let Some(State::Open(room)) = self.rooms.get(&announcement.room) {
            room.each_member(visit);
        }
    }
}

fn is(seat: &Seat, account: &Arc<str>) -> bool {
    seat.with_identity(|identity| identity.account == *account) == Some(true)
}

impl Handler<ChangeAnswered> for Room {
    type Result = ();

    fn handle(&mut self, answered: ChangeAnswered, _: &mut Context<Self>) {
        let answered = again::keep(self, answered);
        let _place = panic_at::place("room/ChangeAnswered");
        if let Some(seat) = self.shard.find(answered.client) {
            seat.leave_change(answered.answer.clone());
        }
    }
}
