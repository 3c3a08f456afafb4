//! What strangers may cost a shard. A stranger is whoever has connected and not logged in; making connections is cheap for
//! whoever makes them, so without a bound a flood of them takes the thread from those who are in.
//!
//! All time that strangers take is measured and charged to a bucket that fills up with [`SHARE`] of the time that passes. Who logs in was
//! no stranger after all: what one costs on average is given back, so that everybody may come back at once after a cut. Who
//! leaves without having logged in, or is refused, was a waste, of which a second, smaller bucket holds less. When
//! one of them is empty nobody is accepted until it has something again; whoever connects waits with the kernel, and when its queue
//! is full, at home.
//!
//! Waiting is shared by all, so the buckets are not to be emptied by few: once half of one is gone, whoever comes from an address from
//! which too many came and did not log in is turned away, which costs a fraction of a client, and barred for a while: the kernel
//! lets nobody connect from there. Otherwise its queue would be theirs, and whoever else comes would find no place in it.
//!
//! Pure: the caller says what time it is, on a clock that never steps back.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use super::bucket::Bucket;

/// Seconds of a shard's time that strangers may take in each second, on average.
pub const SHARE: f64 = 0.05;
/// Seconds of it that they may take at once after a pause. Some 20,000 may be on their way to a log-in then, on each shard; or
/// a thousand in the midst of a TLS handshake.
const BURST: f64 = 0.5;
/// Seconds of it that may be wasted at once after a pause: some 4,000 who leave, or are refused, on each shard.
const WASTE_BURST: f64 = 0.05;
/// How much of a bucket is gone when those who come from an address of many strangers are turned away.
const PRESSURE: f64 = 0.5;
/// The most that one piece of work counts: a thread that had to wait for a processor meanwhile has not worked for strangers.
const PIECE_MAX: Duration = Duration::from_millis(2);
/// Longest pause: also the most that can be owed, so that those who are in and say nonsense do not lock the door.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// What a stranger costs, in seconds, before it was measured.
const COST_AT_FIRST: f64 = 20e-6;
/// Strangers after whom their cost is reckoned anew.
const COST_EVERY: u32 = 64;
/// What those of one address may waste before it is one of many strangers.
const ADDRESS_BURST: f64 = WASTE_BURST / 4.0;
/// What is forgotten of that in each second.
const ADDRESS_SHARE: f64 = SHARE / 16.0;
/// How long an address is barred. Whoever tries to connect is tried for again by its kernel after 1 s and 3 s.
pub const BAR: Duration = Duration::from_secs(2);
/// Addresses that are barred at a time: the kernel looks at one after the other for everybody who comes.
pub const BARRED_MAX: usize = 64;
/// Places for addresses in each of two rows. An address has one in each, and one of many strangers has both full; who shares one of
/// them with such an address is not taken for it. No more than this is remembered, from however many addresses they come.
const PLACES: usize = 1024;

/// See the module.
#[derive(Debug)]
pub struct Strangers {
    /// Seconds of the shard's thread.
    time: Bucket,
    /// Those of them that were wasted, at what one costs on average.
    waste: Bucket,
    /// Seconds that one costs on average.
    cost: f64,
    /// Spent, and how many came, since that was reckoned.
    spent: Duration,
    came: u32,
    /// What of the waste came from where.
    rows: [Vec<Bucket>; 2],
    keys: [RandomState; 2],
    /// Who is barred, and until when, the first to be let in again first.
    barred: VecDeque<(IpAddr, Duration)>,
    /// How often that has changed.
    changes: u64,
}

/// What is to be done with somebody who has just connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// What is always done.
    Usual,
    /// There is a flood: only if there is somebody at the other end at all.
    IfThere,
    /// There is a flood, and it comes from there: nothing.
    TurnedAway,
}

impl Strangers {
    /// Nobody has come yet.
    pub fn new(now: Duration) -> Self {
        let row = || vec![Bucket::full(now); PLACES];
        Self {
            time: Bucket::full(now),
            waste: Bucket::full(now),
            cost: COST_AT_FIRST,
            spent: Duration::ZERO,
            came: 0,
            rows: [row(), row()],
            keys: Default::default(),
            barred: VecDeque::new(),
            changes: 0,
        }
    }

    /// The shard has worked so long for strangers.
    pub fn spend(&mut self, time: Duration, now: Duration) {
        let time = time.min(PIECE_MAX);
        self.spent += time;
        charge(&mut self.time, time.as_secs_f64(), BURST, now);
    }

    /// Somebody has left without having logged in, or was refused.
    pub fn waste(&mut self, household: Option<IpAddr>, now: Duration) {
        let cost = self.cost;
        charge(&mut self.waste, cost, WASTE_BURST, now);
        if let Some(household) = household {
            for place in self.places(household) {
                // What is refused is not taken: it is forgotten after the same time however long it went on.
                let _ = place.take(cost, ADDRESS_SHARE, ADDRESS_BURST, now);
            }
        }
    }

    /// Somebody has connected. `household`: from where, if that says who it is (it does not where a proxy speaks for many).
    pub fn receive(&mut self, household: Option<IpAddr>, now: Duration) -> Reception {
        self.came += 1;
        if self.came >= COST_EVERY {
            let cost = self.spent.as_secs_f64() / f64::from(self.came);
            self.cost += (cost - self.cost) / 4.0;
            (self.spent, self.came) = Default::default();
        }
        let is_pressed = self.time.used(SHARE, now) > BURST * PRESSURE
            || self.waste.used(SHARE, now) > WASTE_BURST * PRESSURE;
        match (is_pressed, household) {
            (false, _) => Reception::Usual,
            (true, Some(household)) if self.is_one_of_many(household, now) => {
                self.bar(household, now);
                Reception::TurnedAway
            }
            (true, _) => Reception::IfThere,
        }
    }

    fn is_one_of_many(&mut self, household: IpAddr, now: Duration) -> bool {
        let cost = self.cost;
        let is_full = |place: &mut Bucket| place.used(ADDRESS_SHARE, now) + cost > ADDRESS_BURST;
        self.places(household).into_iter().all(is_full)
    }

    fn bar(&mut self, household: IpAddr, now: Duration) {
        self.bars(now);
        let is_new = self.barred.iter().all(|(barred, _)| *barred != household);
        if is_new && self.barred.len() < BARRED_MAX {
            self.barred.push_back((household, now + BAR));
            self.changes += 1;
        }
    }

    /// How often it has changed who is barred, and after what time somebody is let in again.
    pub fn bars(&mut self, now: Duration) -> (u64, Option<Duration>) {
        while self.barred.front().is_some_and(|(_, until)| *until <= now) {
            self.barred.pop_front();
            self.changes += 1;
        }
        let next = self.barred.front().map(|(_, until)| *until - now);
        (self.changes, next)
    }

    /// From where nobody may connect.
    pub fn barred(&self) -> Vec<IpAddr> {
        self.barred
            .iter()
            .map(|(household, _)| *household)
            .collect()
    }

    /// One of them has logged in: it is none any more.
    pub fn let_in(&mut self, now: Duration) {
        self.time.give_back(self.cost, SHARE, now);
    }

    /// How long nobody is to be accepted.
    pub fn pause(&mut self, now: Duration) -> Option<Duration> {
        let time = self.time.charge(0.0, SHARE, BURST, now);
        let waste = self.waste.charge(0.0, SHARE, WASTE_BURST, now);
        time.max(waste)
    }

    fn places(&mut self, household: IpAddr) -> [&mut Bucket; 2] {
        let at = |key: &RandomState| key.hash_one(household) as usize % PLACES;
        let [first, second] = [at(&self.keys[0]), at(&self.keys[1])];
        let [row, other] = &mut self.rows;
        [&mut row[first], &mut other[second]]
    }
}

/// Charges so much, but for what would make anybody wait for longer than [`PAUSE_MAX`].
fn charge(bucket: &mut Bucket, seconds: f64, burst: f64, now: Duration) {
    let owed_max = burst + PAUSE_MAX.as_secs_f64() * SHARE;
    let free = owed_max - bucket.used(SHARE, now);
    bucket.charge(seconds.min(free.max(0.0)), SHARE, burst, now);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::from(number.to_be_bytes()))
    }

    /// A shard's door, and a crowd before it that never ends.
    struct Door {
        strangers: Strangers,
        now: Duration,
        worked: Duration,
    }

    impl Door {
        fn new() -> Self {
            Self {
                strangers: Strangers::new(Duration::ZERO),
                now: Duration::ZERO,
                worked: Duration::ZERO,
            }
        }

        /// Somebody comes, which takes so long.
        fn receive(&mut self, from: Option<IpAddr>, cost: Duration) -> Reception {
            let reception = self.strangers.receive(from, self.now);
            self.now += cost;
            self.worked += cost;
            self.strangers.spend(cost, self.now);
            reception
        }

        /// Somebody comes, which takes so long, and leaves.
        fn flood(&mut self, from: Option<IpAddr>, cost: Duration) -> Reception {
            let reception = self.receive(from, cost);
            self.strangers.waste(from, self.now);
            reception
        }

        /// Waits as long as it has to.
        fn wait(&mut self) {
            self.now += self.strangers.pause(self.now).unwrap_or_default();
        }
    }

    #[test]
    fn a_flood_takes_its_share_and_no_more_whatever_one_costs() {
        for (cost, leaves) in [
            (6, true),
            (25, true),
            (300, true),
            (25, false),
            (300, false),
        ] {
            let mut door = Door::new();
            while door.now < Duration::from_secs(60) {
                for at in 0..16 {
                    match leaves {
                        true => door.flood(address(at), cost * MICRO),
                        false => door.receive(address(at), cost * MICRO),
                    };
                }
                door.wait();
            }
            let burst = if leaves { WASTE_BURST } else { BURST };
            let share = (door.worked.as_secs_f64() - burst) / door.now.as_secs_f64();
            assert!(
                (0.9 * SHARE..1.1 * SHARE).contains(&share),
                "{cost}: {share}"
            );
        }
    }

    #[test]
    fn those_who_log_in_are_never_waited_with() {
        let mut door = Door::new();
        // Many are on their way at a time: who comes now logs in after 4,000 others have come.
        let mut under_way = std::collections::VecDeque::new();
        for at in 0..100_000 {
            let from = address(1);
            assert_ne!(door.receive(from, 25 * MICRO), Reception::TurnedAway);
            under_way.push_back(from);
            if under_way.len() > 4_000 {
                under_way.pop_front();
                door.strangers.let_in(door.now);
            }
            assert_eq!(door.strangers.pause(door.now), None, "{at}");
        }
    }

    #[test]
    fn where_a_flood_comes_from_is_turned_away_and_nobody_else() {
        let mut door = Door::new();
        let mut welcome = 0;
        for at in 0..100_000_u32 {
            let reception = door.flood(address(1), 25 * MICRO);
            welcome += u32::from(reception != Reception::TurnedAway);
            if at % 100 == 0 {
                let other = door.receive(address(2), 25 * MICRO);
                assert_ne!(other, Reception::TurnedAway, "{at}");
                let proxied = door.receive(None, 25 * MICRO);
                assert_ne!(proxied, Reception::TurnedAway, "{at}");
            }
        }
        // Half of what may be wasted, and then what is forgotten in two seconds and a half.
        assert!((900..2_000).contains(&welcome), "{welcome}");
        assert_eq!(door.strangers.barred(), Vec::from_iter(address(1)));
        let (changes, next) = door.strangers.bars(door.now);
        assert!(next.is_some_and(|next| next <= BAR), "{next:?}");
        door.now += BAR;
        assert_eq!(door.strangers.bars(door.now), (changes + 1, None));
        assert!(door.strangers.barred().is_empty());
        // As soon as it has stopped for a while it is as any other.
        door.now += Duration::from_secs(25);
        assert_eq!(door.receive(address(1), MICRO), Reception::Usual);
    }

    #[test]
    fn who_shares_one_place_with_a_flood_is_not_taken_for_it() {
        let mut door = Door::new();
        let mut turned_away = 0;
        for at in 1..=20_000 {
            door.flood(address(0), 25 * MICRO);
            let reception = door.receive(address(at), 25 * MICRO);
            turned_away += u32::from(reception == Reception::TurnedAway);
        }
        // One in a million shares both; one in 500 shares one.
        assert!(turned_away < 5, "{turned_away}");
    }

    #[test]
    fn so_many_are_barred_and_no_more() {
        let mut door = Door::new();
        for at in 0..2_000_000 {
            door.flood(address(at % 100), 25 * MICRO);
        }
        assert_eq!(door.strangers.barred().len(), BARRED_MAX);
    }

    #[test]
    fn nobody_is_turned_away_without_a_flood() {
        let mut door = Door::new();
        for _ in 0..10_000 {
            door.now += Duration::from_millis(1);
            let reception = door.receive(address(1), 25 * MICRO);
            assert_eq!(reception, Reception::Usual);
            assert_eq!(door.strangers.pause(door.now), None);
        }
    }

    #[test]
    fn a_door_is_never_shut_for_long() {
        let mut door = Door::new();
        for _ in 0..100_000 {
            door.strangers.spend(PIECE_MAX, door.now);
            door.strangers.waste(None, door.now);
        }
        let pause = door.strangers.pause(door.now).unwrap_or_default();
        assert!(pause <= PAUSE_MAX + MICRO, "{pause:?}");
        door.now += pause + MICRO;
        assert_eq!(door.strangers.pause(door.now), None);
    }

    #[test]
    fn a_thread_that_stood_still_has_not_worked() {
        let mut door = Door::new();
        door.receive(address(1), Duration::from_secs(10));
        assert_eq!(door.strangers.pause(door.now), None);
        assert_eq!(door.receive(address(1), MICRO), Reception::Usual);
    }
}
