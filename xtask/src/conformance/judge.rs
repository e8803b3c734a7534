//! The judge: the process that runs a guest's herd, cut off from the network, and judges it rule by
//! rule. It tells the process that started it what it finds, a JSON line at a time.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::case::{Bytes, Case};
use super::form::{Form, banners, closes};
use super::guest_file::Guest;
use super::herd::{GuestHerd, Place, StartFailure};
use super::message::{Message, Order, say, say_rule};
use super::places::PlacesService;
use super::report::RuleReport;
use super::rules::{self, Rule};
use super::run::this_program;
use super::sandbox::{self, Entered, Mode, Setup};
use super::transcript::Transcript;
use super::verdict::{Failure, Verdict};

/// The names at which guests reach the Places service.
const GOOGLE: [&str; 4] =
    ["maps.googleapis.com", "places.googleapis.com", "www.googleapis.com", "googleapis.com"];

/// The rules that are about the form in which a guest answers. What they hide, they hide on any
/// herd.
const FORM_RULES: [&str; 2] = ["stays-open", "answers-before-eof"];

/// How long the guest may take to answer while the judge looks for the form in which it answers.
const FORM_WITHIN: Duration = Duration::from_millis(1500);

/// Carries out the order of the process that started this one, until it is done or that process is
/// gone.
///
/// # Errors
/// It is not an order, or it cannot be carried out at all.
pub(super) fn judge_to_order(order: &OsStr, output: &mut dyn Write) -> Result<()> {
    let order = order.to_str().context("the order is not text")?;
    let order: Order = serde_json::from_str(order).context("the order is not an order as JSON")?;
    carry_out(&order, output)
}

/// Carries out an order. Returns once every rule is judged, or the order's giver is gone.
///
/// # Errors
/// The guest cannot be cut off, or the Places service cannot be started.
fn carry_out(order: &Order, output: &mut dyn Write) -> Result<()> {
    let begun = Instant::now();
    let mut guest = Guest::read(&order.guest)?;
    guest.folder.clone_from(&order.folder);
    let authority = PlacesService::authority()?;
    let names: Vec<String> =
        GOOGLE.iter().map(|name| (*name).to_owned()).chain(guest.hosts.clone()).collect();
    let setup = Setup { hosts: &names, ca_pem: &authority.pem(), run_folder: &order.run_folder };
    let entered = sandbox::enter(order.mode, &setup)?;
    let (tls, plain) = listeners(order.mode)?;
    let places_url = format!("http://{}", plain.local_addr()?);
    let places = PlacesService::start(&authority, tls, plain, &names)?;
    let reachable = order.mode != Mode::Plain || mentions_places(&guest);
    let place = Place {
        mode: order.mode,
        program: this_program()?,
        work: order.folder.clone(),
        output: order.run_folder.join("output"),
        key: places.key().to_owned(),
        places: places_url,
        variables: entered.variables(),
        patience: order.patience,
    };
    for note in &entered.notes {
        say(output, &Message::Note(note.clone()))?;
    }
    let mut judge = Judge {
        order,
        output,
        guest: &guest,
        place: &place,
        places: reachable.then_some(&places),
        entered: &entered,
        herd: None,
        form: None,
        banners: BTreeMap::new(),
        transcript: Transcript::default(),
        random: fastrand::Rng::with_seed(order.seed),
        failed_starts: 0,
    };
    for rule in order.rules.iter().filter_map(|name| rules::find(name)) {
        if order.budget.is_some_and(|budget| begun.elapsed() > budget) {
            say_rule(
                judge.output,
                &guest,
                rule,
                &Verdict::NotJudged("the time of the run was over".to_owned()),
            )?;
            continue;
        }
        if !judge.judge_rule(rule)? {
            break;
        }
    }
    Ok(())
}

/// Whether the guest file leads the guest to the stub by itself.
fn mentions_places(guest: &Guest) -> bool {
    let texts = guest.env.values().chain(guest.files.values());
    guest.start.contains("{places}") || texts.into_iter().any(|text| text.contains("{places}"))
}

/// Opens the ports of the Places service: Google's own where the network is the judge's, or else
/// free ones.
fn listeners(mode: Mode) -> Result<(TcpListener, TcpListener)> {
    let [tls, plain] = if mode == Mode::Plain { [0, 0] } else { [443, 80] };
    let open = |port: u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("cannot open port {port} for the stub of the Places service"))
    };
    Ok((open(tls)?, open(plain)?))
}

/// A herd under judgement.
struct Judge<'a> {
    order: &'a Order,
    /// Where the judge says what it finds.
    output: &'a mut dyn Write,
    guest: &'a Guest,
    place: &'a Place,
    places: Option<&'a PlacesService>,
    entered: &'a Entered,
    /// The herd, if one runs that no rule has harmed.
    herd: Option<GuestHerd>,
    form: Option<Form>,
    /// What nodes send before they are asked, for those that do.
    banners: BTreeMap<String, Vec<u8>>,
    transcript: Transcript,
    random: fastrand::Rng,
    /// The number of starts that failed one after the other.
    failed_starts: u32,
}

impl Bytes for Entered {
    fn so_far(&self) -> Option<u64> {
        self.bytes_on_loopback()
    }
}

impl Judge<'_> {
    /// Judges a rule and says the verdict. Returns whether further rules can be judged.
    ///
    /// # Errors
    /// The verdict cannot be said, as the process that gave the order is gone.
    fn judge_rule(&mut self, rule: &Rule) -> Result<bool> {
        let begun = Instant::now();
        let mut verdict = match self.judge_on_well_herd(rule) {
            Ok(verdict) => verdict,
            Err(failure) if self.failed_starts >= 2 || self.form.is_none() => {
                let reason = format!("{failure}\n{}", failure.last_words);
                say_rule(self.output, self.guest, rule, &start_verdict(rule, &failure))?;
                say(self.output, &Message::Stopped(reason))?;
                return Ok(false);
            }
            Err(failure) => start_verdict(rule, &failure),
        };
        if rule.timed && rule.class.counts() {
            verdict = self.repeat(rule, verdict);
        }
        let mut report =
            RuleReport::new(rule.name, rule.class, rule.text, self.guest.weight(rule.name), &verdict);
        report.seconds = begun.elapsed().as_secs_f64();
        let last_words = match (&verdict, &mut self.herd) {
            (Verdict::Holds, _) | (_, None) => Vec::new(),
            (_, Some(herd)) => herd.last_words(),
        };
        say(
            self.output,
            &Message::Rule { report: Box::new(report), transcript: self.transcript.text(), last_words },
        )?;
        if rule.harms || matches!(verdict, Verdict::Fails(_)) {
            self.end_herd();
        }
        Ok(true)
    }

    /// Repeats a rule that depends on time twice if it failed, as the machine may have been busy.
    fn repeat(&mut self, rule: &Rule, mut verdict: Verdict) -> Verdict {
        for _ in 0..2 {
            if !matches!(verdict, Verdict::Fails(_)) {
                return verdict;
            }
            self.end_herd();
            match self.judge_on_well_herd(rule) {
                Ok(again) => verdict = again,
                Err(_) => return verdict,
            }
        }
        if let Verdict::Fails(failure) = &mut verdict {
            failure.why += " (three times in a row)";
        }
        verdict
    }

    /// Judges a rule once, on a herd whose nodes all run.
    ///
    /// # Errors
    /// The herd does not start.
    fn judge_on_well_herd(&mut self, rule: &Rule) -> Result<Verdict, StartFailure> {
        self.transcript.restart();
        let reused = self.start_herd()?;
        let verdict = self.attempt(rule);
        // An earlier rule may have done harm that does not show.
        let suspicious = match &verdict {
            Verdict::Fails(_) => true,
            Verdict::CannotTell { hidden_by: Some(rule), .. } => !FORM_RULES.contains(rule),
            _ => false,
        };
        if reused && suspicious {
            self.end_herd();
            self.transcript.restart();
            self.start_herd()?;
            return Ok(self.attempt(rule));
        }
        Ok(verdict)
    }

    /// Starts a herd if none runs, or if one of its nodes has died. Returns whether one ran.
    ///
    /// # Errors
    /// A node does not start.
    fn start_herd(&mut self) -> Result<bool, StartFailure> {
        if let Some(herd) = &mut self.herd {
            let names = herd.names().to_vec();
            if !names.iter().any(|name| herd.exit_of(name).is_some()) {
                return Ok(true);
            }
        }
        self.end_herd();
        let herd = GuestHerd::start(self.guest, self.place).or_else(|_| {
            // The machine may have been busy.
            GuestHerd::start(self.guest, self.place)
        });
        self.failed_starts = if herd.is_ok() { 0 } else { self.failed_starts + 1 };
        self.herd = Some(herd?);
        if self.form.is_none() {
            self.find_form();
        }
        Ok(false)
    }

    fn end_herd(&mut self) {
        if let Some(herd) = self.herd.take() {
            herd.end();
        }
    }

    fn attempt(&mut self, rule: &Rule) -> Verdict {
        let form = self.form.unwrap_or_default();
        let Some(mut case) = self.case(form) else {
            return Verdict::NotJudged("no herd runs".to_owned());
        };
        let mut verdict = (rule.judge)(&mut case).err().unwrap_or(Verdict::Holds);
        if let Verdict::CannotTell { why, .. } = &verdict {
            let fates: String = case.nodes().iter().map(|node| case.fate(node)).collect();
            if !fates.is_empty() {
                let why = format!("{why}{fates}");
                verdict = Verdict::Fails(Box::new(Failure { why, ..Failure::default() }));
            }
        }
        verdict
    }

    fn case(&mut self, form: Form) -> Option<Case<'_>> {
        Some(Case {
            guest: self.guest,
            herd: self.herd.as_mut()?,
            places: self.places,
            bytes_on_loopback: self.entered,
            form,
            banners: &self.banners,
            transcript: self.transcript.clone(),
            patience: self.order.patience,
            random: &mut self.random,
        })
    }

    /// Finds the form in which the guest answers at all, and says it.
    fn find_form(&mut self) {
        if let Some(mut case) = self.case(Form::default()) {
            self.banners = banners(&mut case);
        }
        let mut found = None;
        for form in Form::TRIED {
            let Some(mut case) = self.case(form) else { return };
            let (node, report) = (case.first(), case.report());
            let within = case.allow(FORM_WITHIN);
            let answer = case.ask_in(form, &node, report.command().as_bytes(), within);
            if answer.is_at() || !answer.is_empty() && found.is_none() {
                found = Some(form);
            }
            if answer.is_at() {
                break;
            }
        }
        let note = match found {
            None => "The guest answers in no form.".to_owned(),
            Some(mut form) => {
                form.one_command = form.half_close
                    || self.case(form).is_some_and(|mut case| closes(&mut case).is_ok_and(|closes| closes));
                found = Some(form);
                format!("The guest answers commands that {form}.")
            }
        };
        self.form = Some(found.unwrap_or_default());
        let _ = say(self.output, &Message::Note(note));
    }
}

/// The verdict on a rule for which no herd could be started.
fn start_verdict(rule: &Rule, failure: &StartFailure) -> Verdict {
    let why = failure.to_string();
    if rule.name != "starts" {
        return Verdict::CannotTell { why, hidden_by: Some("starts") };
    }
    let came = failure.last_words.clone();
    let expected = "every node accepts connections".to_owned();
    Failure { why, expected, came, at: failure.node.clone(), ..Failure::default() }.into()
}
