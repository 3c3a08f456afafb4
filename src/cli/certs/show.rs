//! `gencomm certs show`: what the certificate in use says, and whether it can be used.

use std::io::Write;

use serde::Serialize;

use crate::cli::output::{Failure, say, stdout};
use crate::edge::tls::certificate::{Files, load};
use crate::edge::tls::facts::{date, now};
use crate::ops::config::Config;
use crate::term::render::sanitized;

#[derive(Serialize)]
struct Report {
    certificate: String,
    key: String,
    client_ca: Option<String>,
    subject: String,
    issuer: String,
    self_signed: bool,
    names: Vec<String>,
    key_type: String,
    not_before: i64,
    not_after: i64,
    days_left: i64,
    sha256: String,
    warnings: Vec<String>,
}

pub(super) fn run(config: &Config, json: bool) -> Result<(), Failure> {
    let Some(files) = Files::of(config) else {
        return Err(Failure::Failed(format!(
            "there is no certificate in {}; `gencomm certs make` makes one, tls.certificate and tls.key name another pair",
            config.server.data_dir.display()
        )));
    };
    let loaded = load(&files).map_err(|error| Failure::Failed(error.to_string()))?;
    let facts = loaded.facts;
    let report = Report {
        certificate: files.certificate.display().to_string(),
        key: files.key.display().to_string(),
        client_ca: files.client_ca.map(|path| path.display().to_string()),
        self_signed: facts.is_self_signed(),
        days_left: facts.days_left(now()),
        subject: facts.subject,
        issuer: facts.issuer,
        names: facts.names,
        key_type: facts.key_type,
        not_before: facts.not_before,
        not_after: facts.not_after,
        sha256: facts.fingerprint,
        warnings: loaded.warnings,
    };
    let mut out = stdout();
    if json {
        let text = serde_json::to_string(&report);
        let text = text.map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        print(&mut out, &report)?;
    }
    out.flush()?;
    Ok(())
}

fn print(out: &mut impl Write, report: &Report) -> Result<(), Failure> {
    writeln!(out, "certificate  {}", report.certificate)?;
    writeln!(out, "key          {} ({})", report.key, report.key_type)?;
    if let Some(authority) = &report.client_ca {
        writeln!(out, "client CA    {authority}")?;
    }
    // What stands in a certificate is whatever its maker put there.
    writeln!(out, "subject      {}", sanitized(&report.subject))?;
    let issuer = match report.self_signed {
        true => "itself; no authority vouches for it",
        false => &report.issuer,
    };
    writeln!(out, "signed by    {}", sanitized(issuer))?;
    let names = report.names.join(" ");
    writeln!(out, "names        {}", sanitized(&names))?;
    writeln!(out, "valid from   {}", date(report.not_before))?;
    writeln!(
        out,
        "valid until  {} ({} days left)",
        date(report.not_after),
        report.days_left
    )?;
    writeln!(out, "SHA-256      {}", report.sha256)?;
    for warning in &report.warnings {
        say(&format!("gencomm: {warning}"));
    }
    Ok(())
}
