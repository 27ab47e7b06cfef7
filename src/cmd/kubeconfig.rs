//! `pki kubeconfig`: kubeconfigs that do not belong to the tree.

use anyhow::{Context, Result, bail};
use zeroize::Zeroizing;

use super::ca_passphrase::CaPassphrase;
use super::cluster_access::ClusterAccess;
use super::failure::{Invalid, NotWritten, PlanFailure};
use super::join::bootstrap_token::TOKEN_USER;
use super::join::given_secret::given_secret;
use super::join::given_token::given_valid_token;
use super::join::refuse_two_readers;
use super::judgement::JudgementContext;
use super::output_file::KubeconfigOutput;
use super::session::{Session, WriteRun};
use super::target::{Detection, tree_arguments};
use super::{Console, Exit};
use crate::catalog::signers::MASTERS_GROUP;
use crate::catalog::{CA, Row};
use crate::cli::{
    BootstrapArgs, KeepArgs, KubeProxyArgs, KubeconfigArgs, KubeconfigCommand, NewKubeconfigArgs,
    UserArgs, UserTokenArgs, WriteArgs,
};
use crate::config::values::node_name;
use crate::objects::bootstrap_token::{NODE_GROUP, USER_PREFIX};
use crate::plan::client::{self, ClientRequest};
use crate::plan::subject::{NameUse, name_problem};
use crate::plan::{Make, Plan, PlanError};
use crate::report::client::NewClient;
use crate::report::time::Time;
use crate::store::transaction::DEFAULT_GENERATIONS;
use crate::tree::inventory::Depth;
use crate::util::duration::Period;
use crate::util::escape::quote;

/// The user that Kubernetes binds to what kube-proxy needs (`system:node-proxier`).
const KUBE_PROXY: &str = "system:kube-proxy";

pub(super) fn run(args: &KubeconfigArgs, console: &Console) -> Result<Exit> {
    match &args.command {
        KubeconfigCommand::User(args) => user(args, console),
        KubeconfigCommand::KubeProxy(args) => kube_proxy(args, console),
        KubeconfigCommand::Bootstrap(args) => bootstrap(args, console),
    }
}

fn user(args: &UserArgs, console: &Console) -> Result<Exit> {
    refuse_two_readers(
        "`--token-file`, `--ca-passphrase-file` and `--config`",
        [
            args.token.reads_stdin(),
            args.new.passphrase.reads_stdin(),
            args.new.config.reads_stdin(),
        ],
    );
    if let Some(token) = user_token(&args.token)? {
        let problem = name_problem("--client-name", &args.client_name, NameUse::Kubeconfig);
        let reasons: Vec<_> = problem.into_iter().collect();
        if !reasons.is_empty() {
            let error = PlanError { reasons };
            let arguments = tree_arguments(&args.new.tree, &args.new.config);
            return Err(PlanFailure { error, arguments }.into());
        }
        return with_token(&args.client_name, &token, &args.new, console);
    }
    let mut groups: Vec<_> = Vec::new();
    for group in &args.org {
        if !groups.contains(group) {
            groups.push(group.clone());
        }
    }
    if groups.iter().any(|group| group == MASTERS_GROUP) {
        console.warn(&format!(
            "group `{MASTERS_GROUP}` may do everything, whatever RBAC says; only replacing the cluster CA takes these rights away"
        ));
    }
    let client = Client {
        command: "kubeconfig user",
        flag: "--client-name",
        user: &args.client_name,
        groups: &groups,
        period: args.validity_period.as_ref(),
    };
    client.issue(&args.new, console)
}

fn kube_proxy(args: &KubeProxyArgs, console: &Console) -> Result<Exit> {
    refuse_two_readers(
        "`--ca-passphrase-file` and `--config`",
        [
            args.new.passphrase.reads_stdin(),
            args.new.config.reads_stdin(),
        ],
    );
    let client = Client {
        command: "kubeconfig kube-proxy",
        flag: "--client-name",
        user: KUBE_PROXY,
        groups: &[],
        period: args.validity_period.as_ref(),
    };
    client.issue(&args.new, console)
}

fn bootstrap(args: &BootstrapArgs, console: &Console) -> Result<Exit> {
    refuse_two_readers(
        "`--token-file`, `--ca-passphrase-file` and `--config`",
        [
            args.token.reads_stdin(),
            args.new.passphrase.reads_stdin(),
            args.new.config.reads_stdin(),
        ],
    );
    if let Some(token) = given_valid_token(&args.token, console.now)? {
        return with_token(TOKEN_USER, &token.to_text(), &args.new, console);
    }
    let node = args.node_name.as_deref().unwrap_or_default();
    let node = node_name(node).map_err(|what| Invalid::new(format!("--node-name: {what}")))?;
    let client = Client {
        command: "kubeconfig bootstrap",
        flag: "--node-name",
        user: &format!("{USER_PREFIX}{node}"),
        groups: &[NODE_GROUP.to_owned()],
        period: Some(&args.validity_period),
    };
    client.issue(&args.new, console)
}

/// A user who gets a client certificate.
struct Client<'a> {
    command: &'static str,
    /// The flag that names the user.
    flag: &'static str,
    user: &'a str,
    groups: &'a [String],
    /// How long the certificate is valid; `None` for the configured period.
    period: Option<&'a Period>,
}

impl Client<'_> {
    /// Issues the certificate, writes it to the ledger, and then hands the kubeconfig out.
    fn issue(&self, args: &NewKubeconfigArgs, console: &Console) -> Result<Exit> {
        let mut passphrase = CaPassphrase::read(&args.passphrase, console)?;
        let session = Session::open(&args.tree, &args.config, &args.cluster(), console)?;
        let write = WriteArgs {
            dry_run: args.dry_run,
            quiet: false,
            output: args.output,
        };
        let keep = KeepArgs {
            keep: DEFAULT_GENERATIONS,
        };
        let depth = |row: &Row| match *row == CA {
            true => Depth::Keys,
            false => Depth::Certificates,
        };
        let mut run = session.begin(self.command, &write, &keep, &depth)?;
        run.target.require_record(console)?;
        let output = find_output(args, &run)?;
        let plan = self.plan(&run, args, console)?;
        console.warn_of(&plan);
        passphrase.unlock(&plan, &mut run)?;
        let mut report = self.report(&plan, args, output.as_ref())?;
        if args.dry_run {
            run.check_ledger()?;
            console.show(&report, args.output)?;
            return Ok(Exit::Done);
        }
        let issued = run.issue_elsewhere(&plan)?;
        let (Some(row), Some(expires)) = (issued.rows.first(), report.expiration_date) else {
            bail!("nothing was issued");
        };
        let file = row.files.first().context("nothing was issued")?;
        report.serial = row
            .certificate
            .as_ref()
            .map(|certificate| certificate.serial());
        console.warn(&format!(
            "a client certificate cannot be revoked: {} can log in until {} UTC",
            quote(self.user),
            expires.short()
        ));
        let text = Zeroizing::new(String::from_utf8_lossy(&file.bytes).into_owned());
        hand_out(&text, &report, output.as_ref(), args, console).map_err(|error| {
            let serial = report.serial.as_deref().unwrap_or_default();
            error.context(NotWritten {
                message: format!(
                    "the certificate with serial {serial} is in the ledger, but its kubeconfig was not written"
                ),
                hint: "make another kubeconfig; no one has the key of this one".to_owned(),
            })
        })
    }

    fn plan(
        &self,
        run: &WriteRun<'_>,
        args: &NewKubeconfigArgs,
        console: &Console,
    ) -> Result<Plan> {
        for warning in &run.target.warnings {
            console.warn(&warning.to_string());
        }
        let inventory = &run.snapshot.inventory;
        let resolved = run.target.layers(inventory).resolve(Detection::Allowed)?;
        let cluster = &resolved.cluster;
        let request = ClientRequest {
            cluster,
            flag: self.flag,
            user: self.user,
            groups: self.groups,
            period: self
                .period
                .unwrap_or(&cluster.certificate_validity)
                .length(),
        };
        let findings = JudgementContext::nothing(console.now).judge(inventory);
        client::plan(&request, inventory, &findings, console.now).map_err(|error| {
            let arguments = tree_arguments(&args.tree, &args.config);
            PlanFailure { error, arguments }.into()
        })
    }

    fn report(
        &self,
        plan: &Plan,
        args: &NewKubeconfigArgs,
        output: Option<&KubeconfigOutput>,
    ) -> Result<NewClient> {
        let mut made = plan.made();
        let Some((_, Make::NewKubeconfig { leaf, server, .. }, _)) = made.next() else {
            bail!("nothing is to be made");
        };
        Ok(NewClient {
            dry_run: args.dry_run,
            user: self.user.to_owned(),
            groups: self.groups.to_vec(),
            credential: "certificate",
            expiration_date: Some(Time::from(leaf.validity.not_after)),
            serial: None,
            server: server.clone(),
            file: output.map(|output| output.path().display().to_string()),
        })
    }
}

fn find_output(args: &NewKubeconfigArgs, run: &WriteRun<'_>) -> Result<Option<KubeconfigOutput>> {
    let file = args.output_file.as_deref();
    file.map(|file| KubeconfigOutput::find(file, &run.target.layout))
        .transpose()
}

/// Makes a kubeconfig with a token. Nothing is signed.
fn with_token(
    user: &str,
    token: &str,
    args: &NewKubeconfigArgs,
    console: &Console,
) -> Result<Exit> {
    let access = ClusterAccess::read(&args.tree, &args.config, &args.cluster(), console)?;
    let output = args.output_file.as_deref();
    let output = output
        .map(|file| KubeconfigOutput::find(file, &access.layout))
        .transpose()?;
    let report = NewClient {
        dry_run: args.dry_run,
        user: user.to_owned(),
        groups: Vec::new(),
        credential: "token",
        expiration_date: None,
        serial: None,
        server: access.server(),
        file: output
            .as_ref()
            .map(|output| output.path().display().to_string()),
    };
    if args.dry_run {
        console.show(&report, args.output)?;
        return Ok(Exit::Done);
    }
    hand_out(
        &access.token_kubeconfig(user, token)?,
        &report,
        output.as_ref(),
        args,
        console,
    )
}

/// Writes the kubeconfig to its file and prints the report, or prints the kubeconfig.
fn hand_out(
    text: &str,
    report: &NewClient,
    output: Option<&KubeconfigOutput>,
    args: &NewKubeconfigArgs,
    console: &Console,
) -> Result<Exit> {
    match output {
        Some(output) => {
            output.write(text)?;
            console.show(report, args.output)?;
        }
        None => console.print(text)?,
    }
    Ok(Exit::Done)
}

/// Returns the token of a user, if one is given. It may be of any kind that the API server accepts.
fn user_token(args: &UserTokenArgs) -> Result<Option<Zeroizing<String>>> {
    let file = args.token_file.as_deref();
    let Some(given) = given_secret("token", "the token", file, args.token.as_ref())? else {
        return Ok(None);
    };
    let token = given.text.trim();
    // The characters of a bearer token (RFC 6750 section 2.1).
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    if token.is_empty() || !token.chars().all(is_token) {
        let message = format!(
            "{}: it is not a token, want one word of letters, digits and `-._~+/=`",
            given.name
        );
        return Err(Invalid::new(message).into());
    }
    Ok(Some(Zeroizing::new(token.to_owned())))
}
