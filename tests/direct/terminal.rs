//! `gencomm` as the client, and the tools of the log, with conversations.
