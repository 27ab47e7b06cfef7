//! `pki csr sign`.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result, anyhow};
use time::OffsetDateTime;

use super::files::{RequestFile, read, read_all, targets};
use crate::catalog::{self, CATALOG, Row};
use crate::check::title;
use crate::cli::{ClusterArgs, KeepArgs, SignArgs};
use crate::cmd::ca_passphrase::CaPassphrase;
use crate::cmd::failure::{Invalid, NotWritten, PlanFailure};
use crate::cmd::input::read_config_input;
use crate::cmd::join::refuse_two_readers;
use crate::cmd::judgement::JudgementContext;
use crate::cmd::paths::TreePaths;
use crate::cmd::session::{Session, WriteRun};
use crate::cmd::standalone::{issuer, read_ca};
use crate::cmd::target::tree_arguments;
use crate::cmd::{Console, Exit};
use crate::config::{self, Cluster, DeclaredCluster, Settings};
use crate::execute::ledger_entry;
use crate::execute::sign::{SigningOrder, sign};
use crate::fs::output;
use crate::plan::csr::sign::{
    self as planner, AcceptedRequest, ProfileChoice, RequestToSign, SigningRules,
};
use crate::plan::{PlanError, Reason};
use crate::report::signatures::{IssuedCertificate, Signatures, SignedCertificate};
use crate::report::time::Time;
use crate::store::ledger::LedgerEntry;
use crate::store::transaction::DEFAULT_GENERATIONS;
use crate::tree::inventory::{CaState, Depth, Inventory, KeyFile};
use crate::util::escape::quote;
use crate::x509::certificate::Certificate;
use crate::x509::sign::Issuer;

/// The mode of a certificate.
const CERTIFICATE_MODE: u32 = 0o644;

/// A certificate that was signed, with its place among the files and requests.
struct SignedRequest {
    certificate: Certificate,
    entry: SignedCertificate,
    ledger: LedgerEntry,
    /// Whether the end of the CA made it shorter than it should be.
    is_cut_short: bool,
}

pub(super) fn run(args: &SignArgs, console: &Console) -> Result<Exit> {
    let reads_request = args.files.iter().any(|file| file == Path::new("-"));
    refuse_two_readers(
        "the requests, `--ca-passphrase-file` and `--config`",
        [
            reads_request,
            args.passphrase.reads_stdin(),
            args.config.reads_stdin(),
        ],
    );
    let mut passphrase = CaPassphrase::read(&args.passphrase, console)?;
    let files = read_all(&args.files, read)?;
    let declared = declared(args, console)?;
    let rules = SigningRules {
        choice: choice(args),
        ca: args.ca.as_deref().and_then(catalog::find),
        declared: declared.as_ref(),
        period: args.validity_period.length(),
        allow_masters: args.allow_system_masters,
    };
    let requests: Vec<_> = files
        .iter()
        .flat_map(|file| &file.requests)
        .cloned()
        .collect();
    let accepted = planner::plan(&requests, &rules).map_err(PlanFailure::without_tree)?;
    for (request, accepted) in requests.iter().zip(&accepted) {
        for note in &accepted.notes {
            console.warn(&format!("`{}`: {note}", request.name));
        }
    }
    let work: Vec<_> = requests.iter().zip(&accepted).collect();
    match (&args.ca_cert, &args.ca_key) {
        (Some(certificate), Some(key)) => {
            // With these files, too, nothing is written into the tree of this host.
            let layout = TreePaths::typed(&args.tree)?.layout(&Settings::default())?;
            let targets = targets(&files, args, &layout)?;
            let (bundle, key) = read_ca(certificate, key, &mut passphrase)?;
            let name = certificate.display().to_string();
            let issuer = issuer(&bundle, &key, &name, console.now)?;
            let signed = sign_all(&work, &|_| Ok((issuer, name.clone())), console.now)?;
            give_out(files, signed, &targets, args, console)
        }
        _ => {
            let session = Session::open(
                &args.tree,
                &Default::default(),
                &ClusterArgs::default(),
                console,
            )?;
            let keep = KeepArgs {
                keep: DEFAULT_GENERATIONS,
            };
            let is_signer = |row: &Row| accepted.iter().any(|accepted| accepted.ca == row);
            let depth = |row: &Row| match is_signer(row) {
                true => Depth::Keys,
                false => Depth::Certificates,
            };
            let mut run = session.begin("csr sign", &args.write, &keep, &depth)?;
            let targets = targets(&files, args, &run.target.layout)?;
            run.check_ledger()?;
            refuse_bad_cas(&run.snapshot.inventory, &work, args, console)?;
            let rows = CATALOG.iter().copied();
            let cas: Vec<_> = rows.filter(|row| is_signer(row)).collect();
            passphrase.unlock_cas(&cas, &mut run.snapshot)?;
            let signed = sign_with_tree(&run, &work, args, console)?;
            let entries: Vec<_> = signed.iter().map(|signed| signed.ledger.clone()).collect();
            run.commit_to_ledger(&entries)?;
            give_out(files, signed, &targets, args, console)
        }
    }
}

fn choice(args: &SignArgs) -> ProfileChoice {
    match (&args.profile, args.signer_name, &args.usages) {
        (Some(name), ..) => {
            catalog::find(name).map_or(ProfileChoice::FromRequest, ProfileChoice::Row)
        }
        (None, Some(signer), _) => ProfileChoice::Signer(signer),
        (None, None, Some(usages)) => ProfileChoice::Usages(usages.clone()),
        (None, None, None) => ProfileChoice::FromRequest,
    }
}

/// Returns the configuration that was given; requests may come from other nodes than the recorded one.
fn declared(args: &SignArgs, console: &Console) -> Result<Option<DeclaredCluster>> {
    let Some(path) = &args.config.config else {
        return Ok(None);
    };
    let input = read_config_input(path)?;
    let reading = config::read(&input.name, &input.bytes)?;
    for warning in &reading.warnings {
        console.warn(&warning.to_string());
    }
    Ok(Some(Cluster::resolve_declared(reading.settings)?))
}

fn sign_with_tree(
    run: &WriteRun<'_>,
    work: &[(&RequestToSign, &AcceptedRequest)],
    args: &SignArgs,
    console: &Console,
) -> Result<Vec<SignedRequest>> {
    let inventory = &run.snapshot.inventory;
    let mut issuers: Vec<(&'static Row, Issuer<'_>)> = Vec::new();
    for (_, accepted) in work {
        if !issuers.iter().any(|(row, _)| *row == accepted.ca) {
            issuers.push((
                accepted.ca,
                issuer_of(inventory, accepted.ca, args, console.now)?,
            ));
        }
    }
    let find = |ca: &Row| {
        let found = issuers.iter().find(|(row, _)| *row == ca);
        found
            .map(|(row, issuer)| (*issuer, row.name.to_owned()))
            .ok_or_else(|| anyhow!("the CA is gone"))
    };
    sign_all(work, &|accepted| find(accepted.ca), console.now)
}

/// Refuses to sign with a CA that has an error: nothing that it signs would be accepted.
fn refuse_bad_cas(
    inventory: &Inventory,
    work: &[(&RequestToSign, &AcceptedRequest)],
    args: &SignArgs,
    console: &Console,
) -> Result<()> {
    let is_signer = |row: &Row| work.iter().any(|(_, accepted)| accepted.ca == row);
    let findings = JudgementContext::nothing(console.now).judge(inventory);
    let errors = findings
        .errors()
        .filter(|error| error.row.is_some_and(is_signer));
    let reasons: Vec<_> = errors.map(Reason::from).collect();
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(PlanFailure {
            error: PlanError { reasons },
            arguments: tree_arguments(&args.tree, &Default::default()),
        }
        .into()),
    }
}

/// Returns a CA of the tree that can sign.
fn issuer_of<'a>(
    inventory: &'a Inventory,
    ca: &'static Row,
    args: &SignArgs,
    now: OffsetDateTime,
) -> Result<Issuer<'a>> {
    let refuse = |what: &str, hint: &str| {
        Err(Invalid::new(format!("{}: {what}", title(ca)))
            .with_hint(hint)
            .into())
    };
    let elsewhere = "run it where the key of the CA is, or use `--ca-cert` and `--ca-key`";
    match inventory.ca(ca) {
        CaState::Local {
            bundle,
            key: KeyFile::Read(key),
        } => issuer(bundle, key, ca.name, now),
        CaState::External(_) => refuse("its key is not on this host", elsewhere),
        CaState::Invalid(invalid) => Err(Invalid::new(format!("{}: {invalid}", title(ca))).into()),
        CaState::Missing | CaState::KeyOnly(_) | CaState::Local { .. } => {
            let verify = tree_arguments(&args.tree, &Default::default()).with("pki verify");
            refuse(
                "it is not in the tree",
                &format!("{elsewhere}; `{verify}` shows what is there"),
            )
        }
    }
}

/// Signs every request.
fn sign_all<'a>(
    work: &[(&RequestToSign, &AcceptedRequest)],
    issuer: &dyn Fn(&AcceptedRequest) -> Result<(Issuer<'a>, String)>,
    now: OffsetDateTime,
) -> Result<Vec<SignedRequest>> {
    let mut all = Vec::new();
    for (request, accepted) in work {
        let (issuer, ca) = issuer(accepted)?;
        let (validity, is_cut_short) = accepted.validity(now, issuer.certificate().validity());
        let order = SigningOrder {
            request: &request.request,
            profile: &accepted.profile,
            validity,
        };
        let certificate = sign(&order, issuer, now)
            .map_err(|error| error.context(format!("signing `{}`", request.name)))?;
        let profile = accepted.profile.name();
        all.push(SignedRequest {
            entry: SignedCertificate {
                request: request.name.clone(),
                profile: profile.clone(),
                ca,
                subject: certificate.subject().to_string(),
                sans: certificate.san_texts(),
                expiration_date: Time::from(certificate.not_after()),
                file: None,
                issued: None,
            },
            ledger: ledger_entry(&certificate, "csr sign", &profile, now),
            certificate,
            is_cut_short,
        });
    }
    Ok(all)
}

/// Prints and writes the certificates. Those of a CA of the tree are in the ledger already.
fn give_out(
    files: Vec<RequestFile>,
    signed: Vec<SignedRequest>,
    targets: &[Option<PathBuf>],
    args: &SignArgs,
    console: &Console,
) -> Result<Exit> {
    let dry_run = args.write.dry_run;
    let is_in_ledger = args.ca_cert.is_none() && !dry_run;
    let mut report = Signatures {
        dry_run,
        certificates: Vec::new(),
    };
    let mut printed = String::new();
    for cut in signed.iter().filter(|signed| signed.is_cut_short) {
        let (request, ca) = (&cut.entry.request, &cut.entry.ca);
        let end = cut.certificate.not_after().date();
        console.warn(&format!(
            "`{request}`: valid only until {end}, when its CA `{ca}` expires"
        ));
    }
    let mut left = signed.as_slice();
    let mut unprinted = Vec::new();
    for (mut file, target) in files.into_iter().zip(targets) {
        let (own, others) = left.split_at(file.requests.len().min(left.len()));
        let pems: Vec<_> = own
            .iter()
            .map(|signed| signed.certificate.to_pem())
            .collect();
        match (&mut file.objects, target) {
            (Some(objects), _) => {
                objects.set_certificates(pems.iter().map(String::as_str));
                printed.push_str(&objects.to_json()?);
                unprinted.extend(own);
            }
            (None, None) => {
                printed.extend(pems);
                unprinted.extend(own);
            }
            (None, Some(target)) if !dry_run => {
                let text = pems.concat();
                let written = output::replace(target, text.as_bytes(), CERTIFICATE_MODE);
                written.map_err(|error| {
                    let lost: Vec<_> = unprinted.iter().copied().chain(left).collect();
                    not_written(&lost, is_in_ledger, anyhow!("{error}"))
                })?;
            }
            (None, Some(_)) => {}
        }
        report
            .certificates
            .extend(own.iter().map(|signed| SignedCertificate {
                file: target.as_ref().map(|target| target.display().to_string()),
                issued: (!dry_run).then(|| IssuedCertificate::from(&signed.certificate)),
                ..signed.entry.clone()
            }));
        left = others;
    }
    show(&report, &printed, args, console).map_err(|error| {
        match unprinted.is_empty() || dry_run {
            true => error,
            false => not_written(&unprinted, is_in_ledger, error),
        }
    })?;
    Ok(Exit::Done)
}

/// Says which certificates were signed and then lost.
fn not_written(lost: &[&SignedRequest], is_in_ledger: bool, error: Error) -> Error {
    let lost: Vec<_> = lost
        .iter()
        .map(|signed| {
            let serial = signed.certificate.short_serial();
            format!(
                "that of {} with serial {serial}",
                quote(&signed.entry.request)
            )
        })
        .collect();
    let place = match is_in_ledger {
        true => "in the ledger but not written",
        false => "signed but not written",
    };
    error.context(NotWritten {
        message: format!("these certificates are {place}: {}", lost.join(", ")),
        hint: "sign these requests again; no one has the certificates that were not written"
            .to_owned(),
    })
}

/// Prints the certificates, or the report where there are none to print.
fn show(report: &Signatures, printed: &str, args: &SignArgs, console: &Console) -> Result<()> {
    use crate::cli::OutputFormat;
    let is_text = args.write.output == OutputFormat::Text;
    if is_text && !report.dry_run && !printed.is_empty() {
        for signed in &report.certificates {
            let text = format!(
                "signed `{}` for {} by CA `{}`: {}, expires on {}",
                signed.request,
                signed.profile,
                signed.ca,
                signed.subject,
                signed.expiration_date.short()
            );
            console.note_unless(args.write.quiet, &text);
        }
        return console.print(printed);
    }
    match is_text && args.write.quiet && !report.dry_run {
        true => Ok(()),
        false => console.show(report, args.write.output),
    }
}
