//! Recipes: everything that a model depends on besides its records.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use untrain_core::hyperparameters::{self, Settings, complete, unknown};
use untrain_core::{AnyLearner, Dataset, Digest, Error, Result, Seed, Task, mix, nearest};
use untrain_exact::Hyperparameters;
use untrain_exact::{Forest, Params as ForestParams};
use untrain_exact::{Glm, GlmParams, Logistic, LogisticParams};
use untrain_exact::{Head, HeadParams};
use untrain_exact::{KMeans, KMeansParams, Knn, KnnParams};
use untrain_exact::{Lda, LdaParams, Pca, PcaParams, Qda, QdaParams, Ridge, RidgeParams};
use untrain_exact::{NaiveBayes, NaiveBayesParams, Text, TextParams};
use untrain_exact::{Recommend, RecommendParams};
use untrain_exact::{Retrain, Sgd, SgdParams};
use untrain_exact::{Sisa, SisaParams};
use untrain_neural::{CnnParams, FrozenFile, Keep, MlpParams, NetworkParams, Neural, ResnetParams};

/// A learner that recipes may name.
#[derive(Debug)]
pub struct LearnerEntry {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// What it can predict; empty for a learner that needs no target.
    pub tasks: &'static [Task],
    /// Completes hyperparameters with the defaults, and checks them.
    complete: fn(Settings) -> Result<Settings>,
    make: fn(&Recipe, &Keeping) -> Result<AnyLearner>,
}

/// Where training that takes long is kept until it is done, if anywhere.
type Keeping = Option<Arc<dyn Keep>>;

const ANY_TASK: &[Task] = &[Task::Classification, Task::Regression];

/// The learners that recipes may name; to add one is to add an entry.
pub const LEARNERS: &[LearnerEntry] = &[
    LearnerEntry {
        name: "forest",
        about: "randomised trees",
        tasks: ANY_TASK,
        complete: complete::<ForestParams>,
        make: |recipe, _| Ok(AnyLearner::new(Forest { params: recipe.read()?, task: recipe.task()?, seed: Seed(recipe.seed) })),
    },
    LearnerEntry {
        name: "cnn",
        about: "a small convolutional network for images",
        tasks: &[Task::Classification],
        complete: complete_network::<CnnParams>,
        make: |recipe, keep| Ok(AnyLearner::new(Retrain(recipe.network(keep)?))),
    },
    LearnerEntry {
        name: "glm",
        about: "Poisson, gamma and Huber regression, and linear support vector machines",
        tasks: ANY_TASK,
        complete: complete::<GlmParams>,
        make: |recipe, _| {
            let params: GlmParams = recipe.read()?;
            let (wanted, asked) = (params.task(), recipe.task()?);
            if wanted != asked {
                let wanted = if wanted == Task::Classification { "classes" } else { "numbers" };
                let reason = format!("this loss predicts {wanted}, and the task asks for something else; set the task or another loss");
                return Err(Error::Parameter { name: "loss".to_owned(), reason, nearest: None });
            }
            Ok(AnyLearner::new(Glm { params, seed: Seed(recipe.seed) }))
        },
    },
    LearnerEntry {
        name: "head",
        about: "logistic regression on what a frozen network makes of images",
        tasks: &[Task::Classification],
        complete: complete_head,
        make: |recipe, _| {
            let params: HeadParams = recipe.read()?;
            let (path, wanted) = (params.weights.clone(), params.weights_sha256.clone());
            let weights = FrozenFile::new(move || frozen("weights", &path, &wanted));
            Ok(AnyLearner::new(Head { params, weights, seed: Seed(recipe.seed) }))
        },
    },
    LearnerEntry {
        name: "kmeans",
        about: "clusters around means",
        tasks: &[],
        complete: complete::<KMeansParams>,
        make: |recipe, _| Ok(AnyLearner::new(KMeans { params: recipe.read()?, seed: Seed(recipe.seed) })),
    },
    LearnerEntry {
        name: "knn",
        about: "nearest neighbours",
        tasks: ANY_TASK,
        complete: complete::<KnnParams>,
        make: |recipe, _| Ok(AnyLearner::new(Knn { params: recipe.read()?, task: recipe.task()?, seed: Seed(recipe.seed) })),
    },
    LearnerEntry {
        name: "lda",
        about: "linear discriminant analysis",
        tasks: &[Task::Classification],
        complete: complete::<LdaParams>,
        make: |recipe, _| Ok(AnyLearner::new(Lda { params: recipe.read()? })),
    },
    LearnerEntry {
        name: "logistic",
        about: "logistic regression of two classes or more",
        tasks: &[Task::Classification],
        complete: complete::<LogisticParams>,
        make: |recipe, _| Ok(AnyLearner::new(Logistic { params: recipe.read()?, seed: Seed(recipe.seed) })),
    },
    LearnerEntry {
        name: "mlp",
        about: "a network of linear layers, for tables and images",
        tasks: &[Task::Classification],
        complete: complete_network::<MlpParams>,
        make: |recipe, keep| Ok(AnyLearner::new(Retrain(recipe.network(keep)?))),
    },
    LearnerEntry {
        name: "naive_bayes",
        about: "a distribution a column and class",
        tasks: &[Task::Classification],
        complete: complete::<NaiveBayesParams>,
        make: |recipe, _| Ok(AnyLearner::new(NaiveBayes::new(recipe.read()?))),
    },
    LearnerEntry {
        name: "pca",
        about: "principal components: transforms, and needs no target",
        tasks: &[],
        complete: complete::<PcaParams>,
        make: |recipe, _| Ok(AnyLearner::new(Pca { params: recipe.read()? })),
    },
    LearnerEntry {
        name: "qda",
        about: "quadratic discriminant analysis",
        tasks: &[Task::Classification],
        complete: complete::<QdaParams>,
        make: |recipe, _| Ok(AnyLearner::new(Qda { params: recipe.read()? })),
    },
    LearnerEntry {
        name: "recommend",
        about: "items for users, by EASE or by neighbours",
        tasks: &[],
        complete: complete::<RecommendParams>,
        make: |recipe, _| Ok(AnyLearner::new(Recommend { params: recipe.read()?, seed: Seed(recipe.seed) })),
    },
    LearnerEntry {
        name: "resnet",
        about: "a residual network for images",
        tasks: &[Task::Classification],
        complete: complete_network::<ResnetParams>,
        make: |recipe, keep| Ok(AnyLearner::new(Retrain(recipe.network(keep)?))),
    },
    LearnerEntry {
        name: "ridge",
        about: "linear least squares with a penalty",
        tasks: ANY_TASK,
        complete: complete::<RidgeParams>,
        make: |recipe, _| Ok(AnyLearner::new(Ridge { params: recipe.read()?, task: recipe.task()? })),
    },
    LearnerEntry {
        name: "sgd",
        about: "a linear model by stochastic gradient descent, which forgets by retraining; for \"sisa\" to shard and slice",
        tasks: ANY_TASK,
        complete: complete::<SgdParams>,
        make: |recipe, _| Ok(AnyLearner::new(Retrain(Sgd { params: recipe.read()?, task: recipe.task()?, seed: Seed(recipe.seed) }))),
    },
    LearnerEntry {
        name: "sisa",
        about: "any learner, sharded: only the shards that knew a record retrain",
        tasks: ANY_TASK,
        complete: complete_sisa,
        make: |recipe, keep| Ok(AnyLearner::new(recipe.sharded(keep)?)),
    },
    LearnerEntry {
        name: "text",
        about: "counts of a text's words",
        tasks: &[Task::Classification],
        complete: complete::<TextParams>,
        make: |recipe, _| Ok(AnyLearner::new(Text { params: recipe.read()?, seed: Seed(recipe.seed) })),
    },
];

/// A recipe may name a base, that another base, and so on; the reader of artefacts goes as deep.
const MAX_DEPTH: usize = 4;

const PURPOSE_BASE: u64 = 0x6261_7365_0000_0000; // "base"

/// A learner, its hyperparameters and a seed.
///
/// # Examples
///
/// ```
/// use untrain::Recipe;
///
/// let recipe = Recipe::from_toml("learner = \"forest\"\nseed = 7\n[params]\nn_trees = 10\n")?;
/// assert_eq!(recipe.seed, 7);
/// let misspelt = Recipe::from_toml("learner = \"forest\"\n[params]\nn_tree = 10\n").unwrap_err();
/// assert_eq!(misspelt.nearest(), Some("n_trees"));
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The name of the learner.
    pub learner: String,
    /// The key of all randomness.
    pub seed: u64,
    /// What is predicted; `None` until [`Recipe::resolve`] asks the data.
    pub task: Option<Task>,
    /// The hyperparameters, all of them.
    pub params: Settings,
}

impl Recipe {
    /// A recipe from the name of a learner, settings as `KEY=VALUE` gives them, and a seed (0 if there is none).
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for an unknown learner or key, with the nearest name, and for a value out of its range.
    pub fn new(learner: &str, settings: &[(String, String)], seed: Option<u64>) -> Result<Self> {
        let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        let settings = settings.iter().map(|(key, text)| (key.clone(), value(text))).collect();
        Self::check(learner, settings, seed.unwrap_or(0))
    }

    /// Whether a recipe file says what the seed is.
    pub fn has_seed(text: &str) -> bool {
        toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("seed"))
    }

    /// Reads a recipe file: `learner`, `seed` and `task` at the top, hyperparameters under `[params]`.
    ///
    /// # Errors
    ///
    /// As [`Recipe::new`]; [`Error::Malformed`] if the text is not TOML.
    pub fn from_toml(text: &str) -> Result<Self> {
        let malformed = |reason: String| Error::Malformed { what: "recipe", reason };
        let table: Map<String, Value> = toml::from_str(text).map_err(|error| malformed(error.to_string().trim_end().to_owned()))?;
        let (mut learner, mut seed, mut settings) = (None, 0, Map::new());
        for (key, value) in table {
            match (key.as_str(), value) {
                ("learner", Value::String(name)) => learner = Some(name),
                ("seed", Value::Number(number)) if number.is_u64() => seed = number.as_u64().unwrap_or_default(),
                ("params", Value::Object(params)) => settings.extend(params),
                ("task", value) => _ = settings.insert(key, value),
                ("learner" | "seed" | "params", value) => return Err(malformed(format!("\"{key}\" cannot be {value}"))),
                _ => return Err(unknown(&key, ["learner", "seed", "task", "params"].iter().copied())),
            }
        }
        Self::check(&learner.ok_or_else(|| malformed("it names no learner".to_owned()))?, settings, seed)
    }

    /// The same recipe with its task settled: what it says, or else what the target's kind suggests. From then on the task
    /// is part of the recipe, and neither forgetting nor learning changes it.
    ///
    /// # Errors
    ///
    /// [`Error::Schema`] if `data` has no target; [`Error::Unfit`] for a learner of text, if no column could be one.
    pub fn resolve(&self, data: &Dataset) -> Result<Self> {
        if self.learner == "text" {
            Text { params: self.read()?, seed: Seed(self.seed) }.suits(data)?;
        }
        let task = match (self.tasks()?, self.task) {
            ([], task) => task,
            (_, Some(task)) => Some(task),
            ([only], None) => Some(*only),
            (_, None) if is_binary(data)? => Some(Task::Classification),
            (_, None) => Some(data.schema().task()?),
        };
        Ok(Self { task, ..self.clone() })
    }

    /// The recipe of a learner with the hyperparameters that `params` is made of, for the code that has them as a struct.
    ///
    /// # Errors
    ///
    /// As [`Recipe::new`].
    pub fn with_params<P: Hyperparameters>(learner: &str, params: &P, task: Option<Task>, seed: u64) -> Result<Self> {
        let malformed = |error: serde_json::Error| Error::Malformed { what: "recipe", reason: error.to_string() };
        let Value::Object(settings) = serde_json::to_value(params).map_err(malformed)? else {
            return Err(Error::Malformed { what: "recipe", reason: "its hyperparameters have no names".to_owned() });
        };
        Ok(Self { task, ..Self::check(learner, settings, seed)? })
    }

    /// The learner.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if the recipe was not made by this version of the program, and asks for what it does not have.
    pub fn learner(&self) -> Result<AnyLearner> {
        (self.entry()?.make)(self, &None)
    }

    /// The learner, which keeps training that takes long somewhere until it is done; the bytes of its models are the same.
    ///
    /// # Errors
    ///
    /// As [`Recipe::learner`].
    pub fn learner_keeping(&self, keep: Arc<dyn Keep>) -> Result<AnyLearner> {
        (self.entry()?.make)(self, &Some(keep))
    }

    /// The recipe of a learner with hyperparameters as JSON has them.
    pub(crate) fn of(learner: &str, settings: Settings, seed: u64) -> Result<Self> {
        Self::check(learner, settings, seed)
    }

    /// The recipe of the base, for a learner that is made of another. Its seed differs: hashes of one would follow the other's.
    pub(crate) fn base(&self) -> Option<Self> {
        let Some(Value::String(base)) = self.params.get("base") else { return None };
        let params = self.params.get("base_params").and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Self { learner: base.clone(), seed: mix(self.seed, PURPOSE_BASE), task: self.task, params })
    }

    /// The learner of a recipe for a network, without what makes it forget; none for other learners.
    ///
    /// # Errors
    ///
    /// As [`Recipe::learner`].
    pub fn neural(&self) -> Result<Option<Neural>> {
        let seed = Seed(self.seed);
        let mut neural = match self.learner.as_str() {
            "mlp" => Neural::new(&self.read::<MlpParams>()?, seed),
            "cnn" => Neural::new(&self.read::<CnnParams>()?, seed),
            "resnet" => Neural::new(&self.read::<ResnetParams>()?, seed),
            _ => return Ok(None),
        };
        if !neural.params.initial.is_empty() {
            let (path, wanted) = (neural.params.initial.clone(), neural.params.initial_sha256.clone());
            neural.initial = Some(FrozenFile::new(move || frozen("initial", &path, &wanted)));
        }
        Ok(Some(neural))
    }

    fn network(&self, keep: &Keeping) -> Result<Neural> {
        let reason = || Error::Malformed { what: "recipe", reason: format!("{} is no network", self.learner) };
        Ok(Neural { keep: keep.clone(), ..self.neural()?.ok_or_else(reason)? })
    }

    /// The learner of a recipe for "sisa".
    pub(crate) fn sisa(&self) -> Result<Sisa> {
        self.sharded(&None)
    }

    fn sharded(&self, keep: &Keeping) -> Result<Sisa> {
        let reason = || Error::Malformed { what: "recipe", reason: "it names no base".to_owned() };
        let base = self.base().ok_or_else(reason)?;
        let base = (base.entry()?.make)(&base, keep)?;
        Ok(Sisa { base, params: self.read()?, task: self.task()?, seed: Seed(self.seed) })
    }

    /// What the learner can predict: what its base can, if it has one.
    fn tasks(&self) -> Result<&'static [Task]> {
        match self.base() {
            Some(base) => base.tasks(),
            None => Ok(self.entry()?.tasks),
        }
    }

    fn entry(&self) -> Result<&'static LearnerEntry> {
        LEARNERS.iter().find(|entry| entry.name == self.learner).ok_or_else(|| {
            let names: Vec<&str> = LEARNERS.iter().map(|entry| entry.name).collect();
            let reason = format!("there is no learner \"{}\"; there is {}", self.learner, names.join(", "));
            Error::Parameter { name: "learner".to_owned(), reason, nearest: nearest(&self.learner, names) }
        })
    }

    fn check(learner: &str, mut settings: Settings, seed: u64) -> Result<Self> {
        let refuse = |name: &str, reason: String| Error::Parameter { name: name.to_owned(), reason, nearest: None };
        let task = match settings.remove("task") {
            Some(value) if value.as_str() == Some("auto") => None,
            Some(value) => Some(serde_json::from_value(value.clone()).map_err(|_| refuse("task", format!("it cannot be {value}")))?),
            None => None,
        };
        let mut recipe = Self { learner: learner.to_owned(), seed, task, params: Map::new() };
        recipe.params = (recipe.entry()?.complete)(settings)?;
        if let Some(task) = task
            && !recipe.tasks()?.contains(&task)
        {
            return Err(refuse("task", format!("{learner} does not do {}", task.name())));
        }
        Ok(recipe)
    }

    /// The hyperparameters as a learner has them.
    fn read<P: Hyperparameters>(&self) -> Result<P> {
        hyperparameters::read(&self.params)
    }

    fn task(&self) -> Result<Task> {
        self.task.ok_or_else(|| Error::Malformed { what: "recipe", reason: "its task is not settled".to_owned() })
    }
}

/// Completes the hyperparameters of "head", which has to have a frozen network.
fn complete_head(settings: Settings) -> Result<Settings> {
    pinned("weights", complete::<HeadParams>(settings)?)
}

/// Completes the hyperparameters of a network, which may begin with one of a file.
fn complete_network<P: NetworkParams>(settings: Settings) -> Result<Settings> {
    let settings = complete::<P>(settings)?;
    if hyperparameters::read::<P>(&settings)?.training().initial.is_empty() { Ok(settings) } else { pinned("initial", settings) }
}

/// Says of the file that `key` names which one it is, by its digest: what the file holds now, wherever that is.
fn pinned(key: &str, mut settings: Settings) -> Result<Settings> {
    let refuse = |reason: String| Error::Parameter { name: key.to_owned(), reason, nearest: None };
    let file = settings.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let unread = |error| refuse(format!("cannot read {file}: {error}"));
    let path = std::fs::canonicalize(&file).map_err(unread)?;
    let digest = format!("{key}_sha256");
    if settings.get(&digest).and_then(Value::as_str).is_none_or(str::is_empty) {
        let found = Digest::of(&std::fs::read(&path).map_err(unread)?);
        settings.insert(digest, Value::String(found.to_string()));
    }
    let path = path.to_str().ok_or_else(|| refuse("its path is no text".to_owned()))?;
    settings.insert(key.to_owned(), Value::String(path.to_owned()));
    Ok(settings)
}

/// The file of a network that `key` names, which has to be the one that the recipe was made with.
fn frozen(key: &str, path: &str, wanted: &str) -> Result<Vec<u8>> {
    let refuse = |reason: String| Error::Parameter { name: key.to_owned(), reason, nearest: None };
    let unread = |error| refuse(format!("cannot read {path}: {error}; the network has the SHA-256 {wanted}"));
    let bytes = std::fs::read(path).map_err(unread)?;
    let found = Digest::of(&bytes).to_string();
    if found == wanted { Ok(bytes) } else { Err(refuse(format!("{path} has the SHA-256 {found}, and the recipe {wanted}"))) }
}

/// Completes the hyperparameters of "sisa", and those of its base, which may stand in a table or as `base_params.NAME`.
fn complete_sisa(settings: Settings) -> Result<Settings> {
    const OF_BASE: &str = "base_params";
    let (mut own, mut of_base) = (Settings::new(), Settings::new());
    for (key, value) in settings {
        match (key.strip_prefix(OF_BASE).and_then(|rest| rest.strip_prefix('.')), value) {
            (Some(name), value) => _ = of_base.insert(name.to_owned(), value),
            (None, Value::Object(table)) if key == OF_BASE => of_base.extend(table),
            (None, value) => _ = own.insert(key, value),
        }
    }
    let mut params = complete::<SisaParams>(own)?;
    let base = Recipe { learner: params["base"].as_str().unwrap_or_default().to_owned(), seed: 0, task: None, params: Settings::new() };
    let in_base = |error| match error {
        Error::Parameter { name, reason, nearest } if name == "learner" => Error::Parameter { name: "base".to_owned(), reason, nearest },
        Error::Parameter { name, reason, nearest } => Error::Parameter { name: format!("{OF_BASE}.{name}"), reason, nearest },
        other => other,
    };
    // The base is looked up before its hyperparameters are, so that one that is misspelt is what the error names.
    let entry = base.entry().map_err(in_base)?;
    if entry.tasks.is_empty() {
        let reason = format!("{} predicts no target, and there is no way to aggregate what its shards say", entry.name);
        return Err(Error::Parameter { name: "base".to_owned(), reason, nearest: None });
    }
    let complete = entry.complete;
    params.insert(OF_BASE.to_owned(), Value::Object(complete(of_base).map_err(in_base)?));
    let (mut depth, mut next) = (1, Recipe { learner: "sisa".to_owned(), params: params.clone(), ..base }.base());
    while let Some(base) = next {
        depth += usize::from(base.params.contains_key("base"));
        next = base.base();
    }
    if depth > MAX_DEPTH {
        let reason = format!("learners in learners go {depth} deep, and may go {MAX_DEPTH}");
        return Err(Error::Parameter { name: "base".to_owned(), reason, nearest: None });
    }
    Ok(params)
}

/// Whether the target holds nothing but 0 and 1, which means classes more often than numbers.
fn is_binary(data: &Dataset) -> Result<bool> {
    data.schema().task()?;
    let Some((place, _)) = data.schema().target() else { return Ok(false) };
    let values = data.values(place);
    Ok(!data.is_empty() && (0..data.len()).all(|i| values.number(i).is_some_and(|x| x == 0.0 || x == 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_their_type() -> Result<()> {
        let set = |key: &str, value: &str| Recipe::new("forest", &[(key.to_owned(), value.to_owned())], None);
        assert_eq!(set("n_trees", "7")?.params["n_trees"], 7);
        assert_eq!(set("task", "regression")?.task, Some(Task::Regression));
        assert_eq!(set("max_features", "sqrt")?, Recipe::new("forest", &[], None)?);
        assert!(matches!(set("max_features", "sqrt")?.read::<ForestParams>(), Ok(params) if params == ForestParams::default()));
        for (key, value) in [("n_trees", "0"), ("n_trees", "many"), ("subsample", "1.5"), ("n_thresholds", "-1"), ("max_features", "half")]
        {
            assert!(matches!(set(key, value), Err(Error::Parameter { .. })), "{key}={value}");
        }
        Ok(())
    }

    #[test]
    fn unknown_names_come_with_the_nearest() {
        let error = Recipe::new("forrest", &[], None).unwrap_err();
        assert_eq!(error.nearest(), Some("forest"));
        assert!(Recipe::from_toml("lerner = \"forest\"").is_err());
        assert!(Recipe::from_toml("learner = 3").is_err());
        assert!(Recipe::from_toml("learner = ").is_err());
    }

    #[test]
    fn a_base_is_checked_as_a_learner_by_itself() -> Result<()> {
        let set = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            Recipe::new("sisa", &pairs, None)
        };
        let recipe = set(&[("base_params.n_trees", "7")])?;
        assert_eq!(recipe, set(&[("base_params", r#"{"n_trees": 7}"#)])?);
        assert_eq!(recipe, Recipe::from_toml("learner = \"sisa\"\n[params.base_params]\nn_trees = 7\n")?);
        assert_eq!((&recipe.params["base_params"]["n_trees"], &recipe.params["base_params"]["max_depth"]), (&7.into(), &20.into()));
        let refused = |pairs: &[(&str, &str)]| match set(pairs) {
            Err(Error::Parameter { name, nearest, .. }) => (name, nearest.unwrap_or_default()),
            other => panic!("{pairs:?}: {other:?}"),
        };
        assert_eq!(refused(&[("base", "forrest")]), ("base".to_owned(), "forest".to_owned()));
        assert_eq!(refused(&[("base_params.n_tree", "7")]), ("base_params.n_tree".to_owned(), "n_trees".to_owned()));
        assert_eq!(refused(&[("base_params.n_trees", "0")]).0, "base_params.n_trees");
        assert_eq!(refused(&[("base_params", "7")]).0, "base_params");
        assert_eq!(refused(&[("n_shard", "7")]), ("n_shard".to_owned(), "n_shards".to_owned()));
        let (mut deep, mut params) = (Vec::new(), String::from("{}"));
        for _ in 0..5 {
            deep.push(set(&[("base", "sisa"), ("base_params", &params)]).is_ok());
            params = format!(r#"{{"base": "sisa", "base_params": {params}}}"#);
        }
        assert_eq!(deep, [true, true, true, false, false]);
        Ok(())
    }
}
