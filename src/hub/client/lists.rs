//! GET and WHO: answers that others know, and that are small. The client waits for the lines and does nothing else meanwhile.

use std::collections::BTreeMap;

use actix::{AsyncContext, Context};

use crate::edge::wire::gc2::options::BodyForm;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::{RoomText, TagText};
use crate::edge::wire::names::Tag;
use crate::hub::codec::EncodeEvent;
use crate::hub::room::ListMembers;
use crate::store::log::EventKind;

use super::history::write_page_line;
use super::{Busy, Client, LinesReady, PageFor};

impl Client {
    fn await_lines(&mut self) -> u32 {
        self.ticket = self.ticket.wrapping_add(1);
        self.busy = Some(Box::new(Busy::Lines {
            ticket: self.ticket,
        }));
        self.ticket
    }

    pub(super) fn get(&mut self, tag: TagText<'_>, id: u64, ctx: &mut Context<Self>) {
        let (ticket, client, tag) = (self.await_lines(), ctx.address(), tag.owned());
        let (form, codec) = (self.seat.body_form(), self.shard.links().codec.clone());
        self.shard.links().reads.run(
            move |reader| reader.get(id).map_err(|error| error.to_string()),
            move |found| {
                let mut lines = Vec::new();
                let tag_text = tag.as_str();
                match found.unwrap_or_else(|| Err("reading the log failed".into())) {
                    Ok(Some(event)) if form == BodyForm::C16 => {
                        codec.do_send(EncodeEvent {
                            client,
                            ticket,
                            tag,
                            event,
                        });
                        return;
                    }
                    Ok(Some(event)) => {
                        if let EventKind::Message(body) = &event.kind {
                            let purpose = PageFor::History(tag.clone());
                            write_page_line(&event, body, &purpose, &mut lines);
                        }
                        reply::ok_number(&mut lines, tag_text, 1);
                    }
                    Ok(None) => {
                        let text = "there is no such message";
                        reply::err(&mut lines, tag_text, ErrorCode::NotFound, text);
                    }
                    Err(why) => reply::err(&mut lines, tag_text, ErrorCode::Unavailable, &why),
                }
                client.do_send(LinesReady { ticket, lines });
            },
        );
    }

    pub(super) fn list_members(
        &mut self,
        tag: TagText<'_>,
        room: RoomText<'_>,
        ctx: &mut Context<Self>,
    ) {
        let (ticket, client, tag) = (self.await_lines(), ctx.address(), tag.owned());
        let (links, room) = (self.shard.links().clone(), room.owned());
        actix_rt::spawn(async move {
            let mut users = BTreeMap::new();
            for shard in links.rooms.iter() {
                let members = shard
                    .send(ListMembers(room.clone()))
                    .await
                    .unwrap_or_default();
                users.extend(
                    members
                        .into_iter()
                        .map(|member| (member.account.clone(), member)),
                );
            }
            let lines = member_lines(&tag, users.values().map(|m| (m.user.as_str(), m.state)));
            client.do_send(LinesReady { ticket, lines });
        });
    }
}

fn member_lines<'a>(
    tag: &Tag,
    users: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
) -> Vec<u8> {
    let (mut lines, count) = (Vec::new(), users.len() as u64);
    for (user, state) in users {
        reply::user(&mut lines, tag.as_str(), user, state);
    }
    reply::ok_number(&mut lines, tag.as_str(), count);
    lines
}
