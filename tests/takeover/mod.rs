//! `gencomm serve --takeover`: under load nothing is lost or doubled, hardly anybody notices, and whatever goes wrong leaves one server that
//! serves.

mod changes;
mod clients;
mod crowd;
mod failures;
mod fake;
mod kept;
mod manager;
mod probe;
mod refusals;
mod stuck;
mod under_load;
