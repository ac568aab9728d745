//! `bench`: how much faster is forgetting than retraining, and what else does this forest cost, beside retraining and the peers?

mod audit;
mod durable;
mod forests;
mod generated;
mod gram;
mod learners;
mod logistic;
mod markdown;
mod measure;
mod mnist;
mod naive_bayes;
mod near;
mod networks;
mod peers;
mod recommend;
mod scale;
mod sisa;
mod targets;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use untrain::import::{self, Roles};
use untrain_core::{Dataset, Holdout, Seed};
use untrain_exact::Params;

use crate::app::{App, Outcome};
use crate::failure::Usage;
use crate::output::write_file;
use durable::Durable;
use forests::{Beside, Group, Measured};
use measure::Split;
use naive_bayes::NaiveBayesTable;
use peers::Scripts;

const ADULT: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/adult.csv.gz"));
/// The shares of trees that hold a record in the two configurations.
const SUBSAMPLES: [f64; 2] = [0.1, 0.2];
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Scikit-learn's forests would need most of an hour for more.
const MOST_RECORDS_FOR_PEERS: usize = 100_000;
const QUICK_MOST_RECORDS: usize = 100_000;
const QUICK_DELETIONS: usize = 100;
const QUICK_NUMBERS: usize = 5_000;

/// Measure forgetting beside retraining, and beside other libraries
///
/// Without --data it measures the suites: Adult, generated tables of 1k to 1M records, and requests through a store.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure this, not the forest
    #[arg(conflicts_with_all = ["suite", "data", "out"])]
    part: Option<Part>,
    /// What to measure; all suites if neither this nor --data is given
    #[arg(long)]
    suite: Option<Suite>,
    /// Measure a classification table of your own too: csv, csv.gz, parquet or jsonl
    #[arg(long, value_name = "FILE", requires = "target")]
    data: Option<PathBuf>,
    /// The column of --data to predict; it is taken for classes
    #[arg(long, value_name = "COL", requires = "data")]
    target: Option<String>,
    /// The column of --data that holds the ids; made from the records' content if not given
    #[arg(long, value_name = "COL", requires = "data")]
    id: Option<String>,
    /// Columns of --data that hold categories
    #[arg(long, value_name = "COL", requires = "data")]
    categorical: Vec<String>,
    /// Columns of --data that hold numbers
    #[arg(long, value_name = "COL", requires = "data")]
    numeric: Vec<String>,
    /// Columns of --data to leave out
    #[arg(long, value_name = "COL", requires = "data")]
    drop: Vec<String>,
    /// Texts in --data that stand for a missing value
    #[arg(long, value_name = "TEXT", requires = "data")]
    missing: Vec<String>,
    /// The share of the records of --data to test with
    #[arg(long, value_name = "FRACTION", default_value_t = 0.2)]
    holdout: f64,
    /// Take no more records of --data than this, drawn by hash
    #[arg(long, value_name = "N", requires = "data")]
    rows: Option<usize>,
    /// How many records to forget one by one
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    deletions: usize,
    /// Over how many seeds to take medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// How many threads the measured part works with, the peers' too
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    bench_threads: usize,
    /// One seed, 100 deletions, no table over 100k records: to see that it runs
    #[arg(long)]
    quick: bool,
    /// Measure scikit-learn, LightGBM and XGBoost on the same records; needs Python and benches/peers/requirements.txt
    #[arg(long)]
    peers: bool,
    /// The folder of the scripts that run the peers
    #[arg(long, value_name = "FOLDER", default_value = "benches/peers")]
    peers_folder: PathBuf,
    /// The Python that runs the scripts
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: String,
    /// A folder with MNIST's four files, for the part that measures it too
    #[arg(long, value_name = "FOLDER")]
    mnist: Option<PathBuf>,
    /// Put the tables into this document, each at its place
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What is measured apart from the forest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Every learner, on Adult and a generated table of 100k records and 50 numbers
    Learners,
    /// Exact sums beside plain floats, and ridge regression
    Gram,
    /// Nearest neighbours
    Knn,
    /// k-means
    Kmeans,
    /// Naive Bayes, on Adult and a generated table
    #[value(name = "naive_bayes")]
    NaiveBayes,
    /// Logistic regression, on Adult, a generated table, and two digits of MNIST if --mnist is given
    Logistic,
    /// EASE and neighbours, on generated interactions
    Recommend,
    /// Shards and slices, on Adult and a generated table
    Sisa,
    /// Networks: steps beside PyTorch's, and shards and slices of MNIST if --mnist is given
    Networks,
    /// Audits, again and again, and what shadow models cost, on Adult
    Audit,
}

/// What is measured without data of the user's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Suite {
    /// Census records, shipped with the program
    Adult,
    /// Generated tables of 1k, 10k, 100k and 1M records
    Scale,
    /// Requests through a store, on Adult
    Store,
    /// All of them
    All,
}

#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    groups: Vec<Group>,
    store: Option<Durable>,
}

#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    system: String,
    threads: usize,
    seeds: u64,
    deletions: usize,
    version: &'static str,
}

/// What is left of the arguments once they agree.
struct Plan<'a> {
    app: &'a App,
    deletions: usize,
    seeds: u64,
    quick: bool,
    scripts: Option<Scripts<'a>>,
}

pub(crate) fn run(args: &Args, app: &App) -> Result<Outcome> {
    if args.peers && !args.peers_folder.is_dir() {
        let hint = "run it in a checkout of untrain, or name the folder by --peers-folder";
        return Err(Usage::with_hint(format!("there is no folder {}", args.peers_folder.display()), hint).into());
    }
    let document = args.out.as_deref().map(read).transpose()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.bench_threads).build().context("cannot start threads")?;
    let plan = Plan::of(args, app);
    if let Some(part) = args.part {
        return pool.install(|| plan.part(part, args));
    }
    let report = pool.install(|| measure_all(args, &plan))?;
    if let (Some(path), Some(mut document)) = (&args.out, document) {
        for (name, body) in report.places() {
            document = markdown::place(&document, &name, &body)?;
        }
        write_file(path, document.as_bytes())?;
        app.words.say(&format!("wrote the tables into {}", path.display()));
    }
    plan.shown(&report, Report::markdown, Report::is_exact)
}

fn measure_all(args: &Args, plan: &Plan<'_>) -> Result<Report> {
    let suite = args.suite.or(if args.data.is_none() { Some(Suite::All) } else { None });
    let wants = |one| suite == Some(one) || suite == Some(Suite::All);
    let mut groups = Vec::new();
    let mut store = None;
    if wants(Suite::Adult) || wants(Suite::Store) {
        let data = adult()?;
        if wants(Suite::Adult) {
            groups.push(plan.adult(&data)?);
        }
        if wants(Suite::Store) {
            plan.say("requests through a store");
            store = Some(durable::run(&params(SUBSAMPLES[0]), 0, &data)?);
        }
    }
    if wants(Suite::Scale) {
        groups.push(plan.scale(if args.quick { QUICK_MOST_RECORDS } else { usize::MAX })?);
    }
    if let Some(path) = &args.data {
        groups.push(plan.own(&own(path, args)?)?);
    }
    let machine = Machine {
        processor: processor(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        threads: args.bench_threads,
        seeds: plan.seeds,
        deletions: plan.deletions,
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(Report { machine, groups, store })
}

impl<'a> Plan<'a> {
    fn of(args: &'a Args, app: &'a App) -> Self {
        let Args { deletions, seeds, quick, python, peers_folder, bench_threads, .. } = args;
        let (seeds, deletions) = if *quick { (1, QUICK_DELETIONS.min(*deletions)) } else { (*seeds, *deletions) };
        let scripts = Scripts { python, folder: peers_folder, n_threads: *bench_threads, n_seeds: seeds };
        Self { app, deletions, seeds, quick: *quick, scripts: args.peers.then_some(scripts) }
    }

    /// Measures one part and shows it.
    fn part(&self, part: Part, args: &Args) -> Result<Outcome> {
        match part {
            Part::Learners => self.shown(&learners::run(self, &self.tables()?)?, learners::Report::markdown, learners::Report::is_exact),
            Part::Gram => self.shown(&gram::run(self)?, gram::Report::markdown, gram::Report::is_exact),
            Part::Knn => self.shown(&near::knn(self, adult()?)?, near::Report::markdown, near::Report::is_exact),
            Part::Kmeans => self.shown(&near::kmeans(self, adult()?)?, near::Report::markdown, near::Report::is_exact),
            Part::NaiveBayes => self.shown(&naive_bayes::run(self, &adult()?)?, NaiveBayesTable::markdown, NaiveBayesTable::is_exact),
            Part::Logistic => {
                let mut tables = self.tables()?;
                match &args.mnist {
                    Some(folder) => tables.push(mnist::split(folder)?),
                    None => self.app.words.say("MNIST is passed over: --mnist names no folder with it"),
                }
                self.shown(&logistic::run(self, &tables)?, logistic::Report::markdown, logistic::Report::is_exact)
            }
            Part::Recommend => self.shown(&recommend::run(self)?, recommend::Report::markdown, recommend::Report::is_exact),
            Part::Networks => {
                self.shown(&networks::run(self, args.mnist.as_deref())?, networks::Report::markdown, networks::Report::is_exact)
            }
            Part::Audit => self.shown(&audit::run(self, &adult()?)?, audit::Report::markdown, audit::Report::is_exact),
            Part::Sisa => self.shown(&sisa::run(self, &self.tables()?)?, sisa::Report::markdown, sisa::Report::is_exact),
        }
    }

    /// Adult, and a generated table of numbers.
    fn tables(&self) -> Result<Vec<Split>> {
        let n = if self.quick { QUICK_NUMBERS } else { MOST_RECORDS_FOR_PEERS };
        Ok(vec![adult()?, scale::numbers(n, 50)?])
    }

    fn say(&self, what: &str) {
        self.app.words.say(&format!("{what} …"));
    }

    fn shown<R: Serialize>(&self, report: &R, markdown: fn(&R) -> String, is_exact: fn(&R) -> bool) -> Result<Outcome> {
        self.app.result(report, markdown)?;
        Ok(if is_exact(report) { Outcome::Done } else { Outcome::No })
    }

    /// What the script of that name prints of the data, if peers are measured.
    fn peers<T: DeserializeOwned>(&self, script: &str, data: &Split, also: &[&str]) -> Result<Option<T>> {
        let Some(scripts) = &self.scripts else { return Ok(None) };
        self.say(&format!("{}, peers", data.name));
        Ok(Some(scripts.run(script, data, also)?))
    }

    fn adult(&self, data: &Split) -> Result<Group> {
        let forest = |subsample| self.forest(format!("{}, `subsample` {subsample}", data.name), data, params(subsample));
        let forests = SUBSAMPLES.into_iter().map(forest).collect::<Result<_>>()?;
        Ok(Group { name: "adult".to_owned(), forests, peers: self.beside(data)?.into_iter().collect() })
    }

    fn scale(&self, most_records: usize) -> Result<Group> {
        let mut group = Group { name: "scale".to_owned(), forests: Vec::new(), peers: Vec::new() };
        for n in SIZES.into_iter().filter(|n| *n <= most_records) {
            let data = scale::split(n)?;
            group.forests.push(self.forest(data.name.clone(), &data, params(SUBSAMPLES[0]))?);
            if n <= MOST_RECORDS_FOR_PEERS {
                group.peers.extend(self.beside(&data)?);
            }
        }
        Ok(group)
    }

    fn own(&self, data: &Split) -> Result<Group> {
        let forests = vec![self.forest(data.name.clone(), data, params(SUBSAMPLES[0]))?];
        Ok(Group { name: data.name.clone(), forests, peers: self.beside(data)?.into_iter().collect() })
    }

    fn forest(&self, name: String, data: &Split, params: Params) -> Result<Measured> {
        self.say(&name.replace('`', ""));
        let runs = (0..self.seeds).map(|seed| measure::run(&params, seed, data, self.deletions)).collect::<Result<Vec<_>>>()?;
        Ok(Measured::of(name, data, params, &runs))
    }

    fn beside(&self, data: &Split) -> Result<Option<Beside>> {
        let peers = self.peers("forests.py", data, &[])?;
        Ok(peers.map(|peers| Beside { name: data.name.clone(), peers }))
    }
}

impl Report {
    /// The tables, and what their places in the documentation are called.
    fn places(&self) -> Vec<(String, String)> {
        let targets = self.groups.iter().find(|group| group.name == "adult").map(|group| ("targets".to_owned(), targets::markdown(group)));
        let groups = self.groups.iter().map(|group| (group.name.clone(), group.markdown()));
        let store = self.store.iter().map(|store| ("store".to_owned(), store.markdown()));
        [("machine".to_owned(), self.machine.markdown())].into_iter().chain(targets).chain(groups).chain(store).collect()
    }

    fn markdown(&self) -> String {
        let sections: Vec<String> = self.places().into_iter().map(|(name, body)| format!("## {name}\n\n{body}")).collect();
        sections.join("\n")
    }

    fn is_exact(&self) -> bool {
        let forests = self.groups.iter().flat_map(|group| &group.forests);
        forests.into_iter().all(|forest| forest.checks_passed == forest.checks_done) && self.store.as_ref().is_none_or(|store| store.equal)
    }
}

impl Machine {
    fn markdown(&self) -> String {
        let Self { processor, cores, system, threads, seeds, deletions, version } = self;
        let counted = |n: u64, thing| crate::table::counted(n, thing);
        format!(
            "untrain {version} on {processor}, {}, {system}; measured on {}, median of {}, up to {} one by one.\n",
            counted(*cores as u64, "core"),
            counted(*threads as u64, "thread"),
            counted(*seeds, "seed"),
            counted(*deletions as u64, "deletion"),
        )
    }
}

/// The configuration of the targets; what is not named here is the default.
fn params(subsample: f64) -> Params {
    Params { n_trees: 100, max_depth: 20, n_thresholds: 30, min_samples_split: 10, subsample, ..Params::default() }
}

fn adult() -> Result<Split> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let path = folder.path().join("adult.csv.gz");
    std::fs::write(&path, ADULT).with_context(|| format!("cannot write {}", path.display()))?;
    let roles = Roles {
        id: Some("id".to_owned()),
        target: Some("income".to_owned()),
        missing: vec!["?".to_owned()],
        holdout: Some(Holdout::Value { column: "split".to_owned(), value: "test".to_owned() }),
        ..Roles::default()
    };
    Ok(halves("Adult".to_owned(), &imported(&path, &roles)?))
}

fn own(path: &Path, args: &Args) -> Result<Split> {
    let Args { target, id, categorical, numeric, drop, missing, holdout, rows, .. } = args;
    let target_is_text = target.iter().filter(|name| !categorical.contains(name));
    let roles = Roles {
        id: id.clone(),
        id_from_content: id.is_none(),
        target: target.clone(),
        categorical: categorical.iter().chain(target_is_text).cloned().collect(),
        numeric: numeric.clone(),
        drop: drop.clone(),
        missing: missing.clone(),
        holdout: Some(Holdout::Fraction(*holdout)),
        ..Roles::default()
    };
    let mut data = imported(path, &roles)?;
    if let Some(rows) = rows {
        data = capped(&data, *rows)?;
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = file.split('.').next().unwrap_or_default().to_owned();
    let split = halves(name, &data);
    if split.train.len() < 2 || split.test.is_empty() {
        return Err(Usage::new(format!("{} has too few records to train and to test with", path.display())).into());
    }
    Ok(split)
}

fn imported(path: &Path, roles: &Roles) -> Result<Dataset> {
    Ok(import::dataset(path, roles).map_err(untrain::Error::from)?)
}

fn halves(name: String, data: &Dataset) -> Split {
    Split { name, train: data.training(), test: data.holdout() }
}

/// The records whose hashes are smallest.
fn capped(data: &Dataset, rows: usize) -> Result<Dataset> {
    const PURPOSE: u64 = 0x6361_7000_0000_0000; // "cap"
    let hashes: Vec<u64> = (0..data.len()).map(|i| Seed(0).hash(PURPOSE, data.id(i).as_bytes())).collect();
    let mut sorted = hashes.clone();
    sorted.sort_unstable();
    let Some(limit) = sorted.get(rows) else { return Ok(data.clone()) };
    let mask: Vec<bool> = hashes.iter().map(|hash| hash < limit).collect();
    Ok(data.filter(&mask)?)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Usage::new(format!("cannot read {}: {error}", path.display())).into())
}

/// The processor's name, where the system tells it.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| "an unnamed processor".to_owned(), |(_, name)| name.trim().to_owned())
}
