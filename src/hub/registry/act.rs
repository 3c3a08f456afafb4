//! What a wish comes to: judged, written with its entry in the audit log, and put into words for the shards.

use std::borrow::Cow;
use std::sync::Arc;

use slog::{info, warn};

use crate::edge::wire::escape::escape_into;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::auth::household;
use crate::hub::log::KeepRooms;
use crate::hub::rules::access::{self, Action, NO_SUCH_ROOM, Rank, RoomState, Who, refusal_of};
use crate::hub::rules::room_change::{self, Change, Plan, Refusal, Target};
use crate::hub::rules::standing::Standing;
use crate::ops::config::lists;
use crate::ops::panic_at;
use crate::store::accounts::{AccountsError, AuditEntry, Role, RoomEdit, RoomPolicy, RoomRole};

use super::announce::{Announcement, Asked, Whom};
use super::{ChangeRoom, RoomRegistry, Wish};

impl RoomRegistry {
    /// Whether whoever asks is still who they were when they logged in. Their connection is closed within a second of a change, and must
    /// not act in between by what they were: what an account decides after its removal would be its namesake's.
    pub(super) fn check_asker(&mut self, ask: &ChangeRoom) -> Result<(), Refusal> {
        let identity = &ask.identity;
        if identity.standing.is_guest() {
            return Ok(());
        }
        let found = self.store.account(&identity.account);
        let found = found.map_err(|error| self.unavailable(&error))?;
        if found.is_some_and(|account| account.epoch == identity.epoch) {
            return Ok(());
        }
        let text = "your account has just been changed; log in again".to_owned();
        Err((ErrorCode::Unauthenticated, text))
    }

    /// Does what is wanted, up to the point where the shards are told; `None` if they need not be.
    pub(super) fn carry_out(&mut self, ask: &ChangeRoom) -> Result<Option<Announcement>, Refusal> {
        match &ask.wish {
            Wish::Begin => self.begin(ask),
            Wish::Change(Change::Create) => {
                self.judge(ask, Action::Create)?;
                self.create(ask).map(Some)
            }
            Wish::Change(change) => self.change(ask, change),
            Wish::Remove { id, author } => self.note_removal(ask, *id, author),
        }
    }

    /// What whoever asks is in the room, if they may do this in it.
    fn judge(&self, ask: &ChangeRoom, action: Action) -> Result<Rank, Refusal> {
        let policy = self.policies.get(&ask.room).map(|policy| &**policy);
        let who = Who {
            standing: ask.identity.standing,
            account: &ask.identity.account,
            address: ask.address,
        };
        let rank = Rank::of(who, policy);
        let is_muted = access::person(policy, who.account).is_muted;
        let state = if policy.is_some() || ask.is_there || ask.room.is_lobby() {
            RoomState::of(who, &ask.room, policy)
        } else {
            RoomState::Absent
        };
        match refusal_of(access::decide(rank, is_muted, state, action)) {
            None => Ok(rank),
            Some(refusal) => Err(refusal),
        }
    }

    /// A JOIN of a room that was not there when the client looked.
    fn begin(&mut self, ask: &ChangeRoom) -> Result<Option<Announcement>, Refusal> {
        if self.policies.contains_key(&ask.room) {
            // Somebody was faster; it is a room like any other now.
            return self.judge(ask, Action::Join).map(|_| None);
        }
        if !self.config.rooms.auto_create {
            return Err((ErrorCode::NotFound, NO_SUCH_ROOM.to_owned()));
        }
        if ask.identity.standing.is_guest() {
            // Without an owner and without a record.
            return self.may_begin(ask).map(|()| None);
        }
        self.create(ask).map(Some)
    }

    fn create(&mut self, ask: &ChangeRoom) -> Result<Announcement, Refusal> {
        let limits = &self.config.limits;
        if self.policies.len() >= limits.rooms {
            let text = format!(
                "there are {} rooms already (limits.rooms); use one of them",
                limits.rooms
            );
            return Err((ErrorCode::Unavailable, text));
        }
        let account = &ask.identity.account;
        let (begun_max, is_admin) = (
            limits.rooms_per_account,
            ask.identity.standing == Standing::Admin,
        );
        if begun_max > 0 && !is_admin {
            let begun = self.store.rooms_created_by(account);
            let begun = begun.map_err(|error| self.unavailable(&error))?;
            if begun >= u64::from(begun_max) {
                let text = format!(
                    "you have begun {begun} rooms, which is as many as one account may (limits.rooms_per_account)"
                );
                return Err((ErrorCode::Forbidden, text));
            }
        }
        self.may_begin(ask)?;
        let edit = RoomEdit::Create {
            is_private: false,
            created_by: Some(account.clone()),
        };
        let entry = self.entry(ask, "room.create".into(), None, String::new());
        let policy = self.write(&ask.room, &edit, &entry)?;
        let asked = asked(ask, false, None);
        let room = ask.room.clone();
        Ok(Announcement::new(
            room,
            Some(policy),
            Whom::Nobody,
            "",
            Some(asked),
        ))
    }

    /// Counts a new room against the rate of the address it comes from.
    fn may_begin(&mut self, ask: &ChangeRoom) -> Result<(), Refusal> {
        let limits = &self.config.limits;
        if lists(&limits.exempt, ask.address) {
            return Ok(());
        }
        let burst = f64::from(limits.new_rooms_per_minute);
        let (who, now) = (household(ask.address), self.clock.elapsed());
        let taken = self.begun.take(who, burst / 60.0, burst, now);
        taken.map_err(|wait| {
            let seconds = wait.as_secs() + 1;
            let text = format!(
                "too many new rooms from your address (limits.new_rooms_per_minute); the next one in {seconds} s"
            );
            (ErrorCode::RateLimited, text)
        })
    }

    fn change(
        &mut self,
        ask: &ChangeRoom,
        change: &Change,
    ) -> Result<Option<Announcement>, Refusal> {
        let rank = self.judge(ask, change.action())?;
        let target = match change.user() {
            Some(user) => self.standing_of(user)?,
            None => None,
        };
        let now = Timestamp::now();
        let before = match self.policies.get(&ask.room) {
            Some(policy) => policy.clone(),
            None => Arc::new(RoomPolicy::new(ask.room.clone(), now)),
        };
        let by = (&ask.identity.user, rank);
        let plan = room_change::plan(change, by, &before, target, now)?;
        let entry = self.entry(
            ask,
            change.audit_name().into(),
            change.subject(),
            change.detail(),
        );
        let policy = match plan {
            Plan::Nothing => {
                // It may have been decided a moment ago: the answer comes when it is in force, as it would for whoever decided it.
                let policy = self.policies.get(&ask.room).cloned();
                let mut again = announcement(ask, change, policy);
                again.topic = None;
                return Ok(Some(again));
            }
            Plan::Kick => {
                self.store
                    .audit(&entry)
                    .map_err(|error| self.unavailable(&error))?;
                self.policies.get(&ask.room).cloned()
            }
            Plan::Edit(edit) => {
                self.put_on_record(ask)?;
                Some(self.write(&ask.room, &edit, &entry)?)
            }
        };
        info!(self.log, "room changed"; "room" => %ask.room, "by" => %ask.identity.user,
            "what" => change.audit_name(), "subject" => change.subject());
        if let (Change::Retention(_), Some(policy)) = (change, &policy) {
            let kept = super::kept(policy.retention);
            self.message_log
                .do_send(KeepRooms(vec![(ask.room.clone(), kept)]));
        }
        Ok(Some(announcement(ask, change, policy)))
    }

    /// A room that guests have begun gets a policy with the first thing that is decided about it.
    fn put_on_record(&mut self, ask: &ChangeRoom) -> Result<(), Refusal> {
        if self.policies.contains_key(&ask.room) {
            return Ok(());
        }
        let edit = RoomEdit::Create {
            is_private: false,
            created_by: None,
        };
        let detail = "was there without an owner".to_owned();
        let entry = self.entry(ask, "room.create".into(), None, detail);
        self.write(&ask.room, &edit, &entry).map(|_| ())
    }

    fn note_removal(
        &mut self,
        ask: &ChangeRoom,
        id: u64,
        author: &UserName,
    ) -> Result<Option<Announcement>, Refusal> {
        let rank = self.judge(ask, Action::DeleteOthers)?;
        let standing = self.standing_of(author)?.unwrap_or(Standing::Guest);
        let policy = self.policies.get(&ask.room).map(|policy| &**policy);
        let person = access::person(policy, &author.account());
        let verdict =
            access::decide_against(rank, Rank::of_name(standing, person), Action::DeleteOthers);
        if let Some(refusal) = refusal_of(verdict) {
            return Err(refusal);
        }
        let subject = Some(author.account().to_string());
        let entry = self.entry(ask, "message.delete".into(), subject, id.to_string());
        let noted = self.store.audit(&entry);
        noted.map_err(|error| self.unavailable(&error))?;
        Ok(None)
    }

    /// What the server knows of a name; `None` if it is no account's.
    fn standing_of(&mut self, user: &UserName) -> Result<Option<Standing>, Refusal> {
        let found = self.store.account(&user.account());
        let found = found.map_err(|error| self.unavailable(&error))?;
        Ok(found.map(|account| match account.role {
            Role::Admin => Standing::Admin,
            Role::Member => Standing::Member,
            Role::Bot => Standing::Bot,
        }))
    }

    /// Writes, and holds what was written.
    fn write(
        &mut self,
        room: &RoomName,
        edit: &RoomEdit,
        entry: &AuditEntry,
    ) -> Result<Arc<RoomPolicy>, Refusal> {
        panic_at::point("before-write");
        let written = self.store.edit_room(room, edit, entry);
        written.map_err(|error| self.unavailable(&error))?;
        panic_at::point("after-write");
        let mut policy = match self.policies.get(room) {
            Some(policy) => RoomPolicy::clone(policy),
            None => RoomPolicy::new(room.clone(), entry.time),
        };
        policy.apply(edit, entry.time);
        let policy = Arc::new(policy);
        self.policies.insert(room.clone(), policy.clone());
        Ok(policy)
    }

    fn entry(
        &self,
        ask: &ChangeRoom,
        action: Cow<'static, str>,
        subject: Option<String>,
        detail: String,
    ) -> AuditEntry {
        AuditEntry {
            time: Timestamp::now(),
            actor: ask.identity.account.to_string(),
            address: Some(ask.address.to_canonical()),
            action,
            room: Some(ask.room.clone()),
            subject,
            detail,
        }
    }

    fn unavailable(&self, error: &AccountsError) -> Refusal {
        warn!(self.log, "the store of rooms refused"; "error" => %error);
        match error {
            // Whoever asked can do something about these.
            AccountsError::Full { .. } => (ErrorCode::Conflict, error.to_string()),
            _ => (
                ErrorCode::Unavailable,
                "that cannot be written down now; try again later".to_owned(),
            ),
        }
    }
}

fn asked(ask: &ChangeRoom, behind_the_log: bool, must_have_left: Option<UserName>) -> Asked {
    Asked {
        client: ask.client,
        ticket: ask.ticket,
        must_have_left,
        behind_the_log,
    }
}

/// What the shards have to do for a change that holds now.
fn announcement(
    ask: &ChangeRoom,
    change: &Change,
    policy: Option<Arc<RoomPolicy>>,
) -> Announcement {
    let by = &ask.identity.user;
    let (whom, reason) = match change {
        Change::Kick(user) => (Whom::Kicked(user.account()), format!("kicked by {by}")),
        Change::Ban(Target::User(user)) => (Whom::User(user.account()), format!("banned by {by}")),
        Change::Ban(Target::Network(network)) => {
            (Whom::Network(*network), format!("banned by {by}"))
        }
        Change::Private(true) => (Whom::Members, "the room is private now".to_owned()),
        Change::Appoint(_, RoomRole::Member | RoomRole::Moderator) => {
            // An address ban does not touch moderators, but does touch whoever is one no longer.
            (
                Whom::Members,
                "the rights in this room have changed".to_owned(),
            )
        }
        _ => (Whom::Nobody, String::new()),
    };
    let takes_away =
        whom != Whom::Nobody || matches!(change, Change::Mute(_) | Change::Retention(_));
    let must_have_left = match change {
        Change::Kick(user) => Some(user.clone()),
        _ => None,
    };
    let asked = asked(ask, takes_away, must_have_left);
    let mut announcement = Announcement::new(ask.room.clone(), policy, whom, &reason, Some(asked));
    if let Change::Topic(text) = change {
        let line = topic_line(&ask.room, by, text);
        announcement.topic = Some(line.into());
    }
    announcement
}

/// The TOPIC line.
pub(in crate::hub) fn topic_line(room: &RoomName, by: &UserName, text: &str) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    escape_into(text.as_bytes(), &mut escaped);
    let mut line = Vec::with_capacity(escaped.len() + 128);
    // What was text stays text when it is escaped.
    let escaped = String::from_utf8_lossy(&escaped);
    reply::topic(&mut line, room.as_str(), by.as_str(), &escaped);
    line
}
