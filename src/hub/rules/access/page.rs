//! The table of rights as it stands in docs/operations.md.

use super::{AGAINST, Action, MUTED, Rank, Row, TABLE, Verdict};

/// What an action is called there.
fn title(action: Action) -> &'static str {
    match action {
        Action::Join => "`JOIN`",
        Action::Send => "`SEND`",
        Action::Read => "`HISTORY`, `GET`, `WHO`, hearing it",
        Action::See => "finding it in `ROOMS`",
        Action::DeleteOwn => "`DELETE` of one's own message",
        Action::DeleteOthers => "`DELETE` of another's message",
        Action::Topic => "`topic`",
        Action::Invite => "`invite`",
        Action::Kick => "`kick`",
        Action::Ban => "`ban`, `unban`",
        Action::Mute => "`mute`, `unmute`",
        Action::SetPrivacy => "`private`, `public`",
        Action::Retention => "`retention`",
        Action::AppointModerator => "`moderator`, `member`",
        Action::AppointOwner => "`owner`, and making an owner less",
        Action::Create => "`create`",
    }
}

fn name(rank: Rank) -> &'static str {
    match rank {
        Rank::Banned => "banned",
        Rank::Guest => "guest",
        Rank::Account => "account",
        Rank::Member => "member",
        Rank::Moderator => "moderator",
        Rank::Owner => "owner",
        Rank::Admin => "admin",
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "**yes**",
        Verdict::NotFound => "-",
        Verdict::Forbidden(missing) => missing.word(),
        Verdict::Taken => "taken",
    }
}

/// The tables in Markdown.
pub fn as_page() -> String {
    let mut page = String::new();
    for (state, is_private) in [("public room", false), ("private room", true)] {
        let cells = |row: &Row| if is_private { row.private } else { row.public };
        let names = Rank::ALL.map(name).join(" | ");
        page.push_str(&format!("| {state} | {names} |\n|{}\n", " --- |".repeat(8)));
        for row in &TABLE {
            let words = cells(row).map(word).join(" | ");
            page.push_str(&format!("| {} | {words} |\n", title(row.action)));
        }
        page.push('\n');
    }
    let heads = [
        "no such room, guest",
        "no such room, account",
        "direct conversation, an end of it",
        "direct conversation, anybody else",
    ];
    page.push_str(&format!(
        "| elsewhere | {} |\n|{}\n",
        heads.join(" | "),
        " --- |".repeat(5)
    ));
    for row in &TABLE {
        let cells = [
            row.absent[Rank::Guest as usize],
            row.absent[Rank::Account as usize],
            row.own_direct,
            row.foreign_direct,
        ];
        let words = cells.map(word).join(" | ");
        page.push_str(&format!("| {} | {words} |\n", title(row.action)));
    }
    let list = |actions: &[Action]| {
        let titles: Vec<&str> = actions.iter().map(|action| title(*action)).collect();
        titles.join("; ")
    };
    page.push_str(&format!(
        "\nWho is muted may not: {}. Only to somebody of a lower rank: {}.\n",
        list(&MUTED),
        list(&AGAINST)
    ));
    page
}
