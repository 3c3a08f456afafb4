//! One room on one shard: its tails and its members.

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::edge::wire::gc2::options::BodyForm;
use crate::edge::wire::names::RoomName;
use crate::hub::rules::block::Block;
use crate::hub::rules::hashed::{Hashed, tidy};
use crate::hub::rules::tail::Tail;
use crate::hub::rules::tail_budget::TailBudget;
use crate::hub::seat::{Identity, Seat};

/// The share of `rooms.tail_bytes` that a shard spends on the C16 form of a room, if anybody wants it.
const C16_TAIL_SHARE: usize = 4;

/// One client in one room.
#[derive(Debug)]
pub struct Membership {
    seat: Rc<Seat>,
    /// The client's own number for the room.
    number: Cell<u32>,
    form: BodyForm,
    position: Cell<u32>,
    /// Whether the client was told that there is news and has not looked yet.
    has_news: Cell<bool>,
}

impl Membership {
    /// The client looks at the room now: tell it again when more comes.
    pub fn seen(&self) {
        self.has_news.set(false);
    }

    /// The client has taken its place under this number.
    pub fn set_number(&self, number: u32) {
        self.number.set(number);
    }

    /// In which form the client reads.
    pub fn form(&self) -> BodyForm {
        self.form
    }

    fn tell(&self) {
        if !self.has_news.replace(true) {
            self.seat.leave_news(self.number.get());
        }
    }
}

/// What a client that entered a room gets.
#[derive(Debug)]
pub struct JoinedRoom {
    /// The room, for reading its tail.
    pub room: Rc<LocalRoom>,
    /// Its membership.
    pub membership: Rc<Membership>,
    /// The room's newest id at this moment.
    pub newest: u64,
    /// Set where nobody asked, in a direct conversation: everything up to this id is known to the client, or older than its log-in.
    pub unasked_after: Option<u64>,
}

impl JoinedRoom {
    /// The client's own number for the room.
    pub fn number(&self) -> u32 {
        self.membership.number.get()
    }
}

/// See the module.
#[derive(Debug)]
pub struct LocalRoom {
    name: RoomName,
    text: RefCell<Tail>,
    c16: RefCell<Tail>,
    members: RefCell<Vec<Rc<Membership>>>,
    /// Connections of each account; one user may have several.
    accounts: RefCell<HashMap<u64, u32, Hashed>>,
    c16_members: Cell<u32>,
    /// Members that want to hear who comes and goes.
    watchers: Cell<u32>,
    /// The newest id when a removal was last heard of: what the codec was given before that may hold what was removed.
    removed_behind: Cell<u64>,
    /// The account that sees it so, of a direct conversation.
    end: Option<Arc<str>>,
    /// Number of the batch with the newest lines, of a direct conversation.
    batch: Cell<u64>,
}

impl LocalRoom {
    /// An empty room whose newest id is `newest`.
    pub fn new(name: RoomName, newest: u64, tail_bytes: usize, tails: &Arc<TailBudget>) -> Self {
        let tail = |bytes_max| RefCell::new(Tail::new(newest, bytes_max, tails));
        Self {
            name,
            text: tail(tail_bytes),
            c16: tail(tail_bytes / C16_TAIL_SHARE),
            members: RefCell::default(),
            accounts: RefCell::default(),
            c16_members: Cell::default(),
            watchers: Cell::default(),
            removed_behind: Cell::default(),
            end: None,
            batch: Cell::default(),
        }
    }

    /// The same as a direct conversation sees it who has this account.
    pub fn seen_from(self, account: Arc<str>) -> Self {
        Self {
            end: Some(account),
            ..self
        }
    }

    /// The account that sees it so; `None` for a room, which looks the same to everybody.
    pub fn end(&self) -> Option<&str> {
        self.end.as_deref()
    }

    /// Number of the batch that brought a direct conversation's newest lines.
    pub fn batch(&self) -> u64 {
        self.batch.get()
    }

    pub(super) fn set_batch(&self, number: u64) {
        self.batch.set(number);
    }

    /// The fan-out started anew, and what the codec still has for it comes to nobody: those who wait for that go on from the log.
    pub fn cut_off(&self) {
        let end = self.end_id();
        self.c16.borrow_mut().reset(end);
    }

    /// Its name.
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// The room's newest id.
    pub fn end_id(&self) -> u64 {
        self.text.borrow().end_id()
    }

    /// The tail in a form, for reading.
    pub fn tail(&self, form: BodyForm) -> Ref<'_, Tail> {
        match form {
            BodyForm::Text => self.text.borrow(),
            BodyForm::C16 => self.c16.borrow(),
        }
    }

    /// How many connections are in it.
    pub(super) fn members(&self) -> usize {
        self.members.borrow().len()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.members.borrow().is_empty()
    }

    /// Whether anybody in it reads this form.
    pub fn has_members(&self, form: BodyForm) -> bool {
        let c16 = self.c16_members.get() as usize;
        match form {
            BodyForm::C16 => c16 > 0,
            BodyForm::Text => self.members.borrow().len() > c16,
        }
    }

    /// Whether anybody in it wants to hear who comes and goes.
    pub fn is_watched(&self) -> bool {
        self.watchers.get() > 0
    }

    /// Calls `visit` with every member's seat.
    pub fn each_member(&self, mut visit: impl FnMut(&Rc<Seat>)) {
        for member in &*self.members.borrow() {
            visit(&member.seat);
        }
    }

    pub(super) fn push(&self, block: Arc<Block>) -> bool {
        self.text.borrow_mut().push(block)
    }

    pub(super) fn drop_through(&self, id: u64) {
        self.removed_behind.set(self.end_id());
        self.text.borrow_mut().drop_through(id);
        self.c16.borrow_mut().drop_through(id);
    }

    /// Appends blocks in C16. If they do not follow what is there (the room had no reader of this form for a while, or
    /// the codec lost some), or a removal has overtaken them, the tail is emptied, and its readers go on from the log.
    pub(super) fn take_encoded(&self, behind: u64, blocks: Option<Vec<Arc<Block>>>) {
        let mut tail = self.c16.borrow_mut();
        if tail.end_id() != behind {
            tail.reset(behind);
        }
        match blocks {
            Some(blocks) if behind >= self.removed_behind.get() => {
                for block in blocks {
                    tail.push(block);
                }
            }
            _ => tail.reset(self.text.borrow().end_id()),
        }
    }

    pub(super) fn wake_members(&self, form: BodyForm) {
        for member in &*self.members.borrow() {
            if member.form == form {
                member.tell();
            }
        }
    }

    /// Lets a client in; returns also whether its account was not here before.
    pub(super) fn admit(&self, seat: &Rc<Seat>, number: u32) -> (Rc<Membership>, bool) {
        let mut members = self.members.borrow_mut();
        let form = seat.body_form();
        if form == BodyForm::C16 {
            if self.c16_members.get() == 0 {
                self.c16.borrow_mut().reset(self.text.borrow().end_id());
            }
            self.c16_members.set(self.c16_members.get() + 1);
        }
        if seat.wants_presence() {
            self.watchers.set(self.watchers.get() + 1);
        }
        let membership = Rc::new(Membership {
            seat: seat.clone(),
            number: Cell::new(number),
            form,
            position: Cell::new(members.len() as u32),
            has_news: Cell::new(false),
        });
        members.push(membership.clone());
        let account = seat.identity().map_or(0, |identity| identity.key);
        let mut accounts = self.accounts.borrow_mut();
        let connections = accounts.entry(account).or_default();
        *connections += 1;
        (membership, *connections == 1)
    }

    /// Lets a client out; returns who it was if that was its account's last connection here.
    pub fn dismiss(&self, membership: &Rc<Membership>) -> Option<Identity> {
        let at = membership.position.get() as usize;
        {
            let mut members = self.members.borrow_mut();
            if !members
                .get(at)
                .is_some_and(|member| Rc::ptr_eq(member, membership))
            {
                return None;
            }
            members.swap_remove(at);
            if let Some(moved) = members.get(at) {
                moved.position.set(at as u32);
            }
        }
        if membership.form == BodyForm::C16 {
            self.c16_members.set(self.c16_members.get() - 1);
        }
        if membership.seat.wants_presence() {
            self.watchers.set(self.watchers.get() - 1);
        }
        let identity = membership.seat.identity()?;
        let mut accounts = self.accounts.borrow_mut();
        let connections = accounts.get_mut(&identity.key)?;
        *connections -= 1;
        if *connections > 0 {
            return None;
        }
        accounts.remove(&identity.key);
        tidy(&mut accounts);
        Some(identity)
    }

    /// The accounts in the room on this shard, each once.
    pub(super) fn account_keys(&self) -> Vec<u64> {
        self.accounts.borrow().keys().copied().collect()
    }
}
