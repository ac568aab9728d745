//! A classifier of raw text whose documents can be forgotten: counts of hashed words, and a learner over them.

use serde::{Deserialize, Serialize};
use untrain_core::{AnyLearner, AnyModel, Dataset, Error, Forget, Guarantee, Kind, Learner, Model, Predictions, Result, Seed, nearest};

use crate::encode::Preprocessing;
use crate::encoded::unfit;
use crate::logistic::{Logistic, LogisticParams};
use crate::naive_bayes::{NaiveBayes, NaiveBayesParams};
use untrain_core::hyperparameters::{Hyperparameters, refuse, within};

/// A classifier of raw text.
///
/// It counts the words of a column, and rows of them, by hash: there is no vocabulary that could remember a word that only a
/// forgotten document had. The counts go to [`TextParams::classifier`], whose state and artefact a model of this learner has.
/// Other columns of the dataset are features too.
///
/// # Guarantee
///
/// That of the classifier: exact.
///
/// # Complexity
///
/// Forgetting a document is O(words · n_gram) and what the classifier needs; naive Bayes copies the counts of a class.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, StringArray};
/// use untrain_core::{Column, Dataset, Forget as _, Kind, Learner as _, Model as _, Role, Schema, Seed};
/// use untrain_exact::{Text, TextParams};
///
/// let column = |name: &str, role| Column { name: name.into(), kind: Kind::Categorical, role, declared: true };
/// let columns = vec![column("message", Role::Feature), column("folder", Role::Target)];
/// let messages = ["win a prize now", "your prize is waiting", "minutes of the meeting", "the meeting is moved"];
/// let folders = ["junk", "junk", "work", "work"];
/// let arrays = [messages, folders].map(|texts| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef).to_vec();
/// let ids = StringArray::from(vec!["a", "b", "c", "d"]);
/// let data = Dataset::new(Schema { id: None, columns, holdout: None }, &ids, arrays)?;
///
/// let learner = Text { params: TextParams::default(), seed: Seed(0) };
/// let mut model = learner.fit(&data)?;
/// assert_eq!(model.predict(&data)?.class(3), Some(1));
/// let rest = data.without(&["a".to_owned()])?;
/// learner.forget(&mut model, &["a".to_owned()], &rest)?;
/// assert_eq!(model.digest(), learner.fit(&rest)?.digest());
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The hyperparameters.
    pub params: TextParams,
    /// The key of the borders between roundings of logistic regression's weights.
    pub seed: Seed,
}

/// The hyperparameters of [`Text`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextParams {
    /// The column that holds the text; by default the only feature, or else the only one that is categorical.
    pub column: Option<String>,
    /// How many columns words are hashed into; by default 2^18. Logistic regression of three classes or more has so many weights for
    /// each class, and 2^24 in all at the most.
    pub n_features: Option<u32>,
    /// How many words in a row count as one besides single words, at most.
    pub n_gram: u32,
    /// What learns from the counts.
    pub classifier: TextClassifier,
    /// What naive Bayes adds to every count, or the penalty of logistic regression.
    pub alpha: f64,
}

/// What learns from the counts of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextClassifier {
    /// [`NaiveBayes`], for which counts are multinomial.
    NaiveBayes,
    /// [`Logistic`] regression on the counts.
    Logistic,
}

/// A model of [`Text`].
#[derive(Debug, Clone)]
pub struct TextModel {
    /// The text column that the retained records suggest. It may be another, or none, without some of them.
    column: Option<String>,
    model: AnyModel,
}

impl Default for TextParams {
    fn default() -> Self {
        Self { column: None, n_features: None, n_gram: 2, classifier: TextClassifier::NaiveBayes, alpha: 1.0 }
    }
}

impl Hyperparameters for TextParams {
    fn check(&self) -> Result<()> {
        let Self { column: _, n_features, n_gram, classifier, alpha } = self;
        within("n_features", n_features.unwrap_or(1), 1, 1 << 22)?;
        within("n_gram", *n_gram, 1, 8)?;
        match classifier {
            TextClassifier::NaiveBayes => NaiveBayesParams { alpha: *alpha, ..NaiveBayesParams::default() }.check(),
            TextClassifier::Logistic => LogisticParams { alpha: *alpha, ..LogisticParams::default() }.check(),
        }
    }
}

impl Text {
    /// The text column of a set of records.
    ///
    /// # Errors
    ///
    /// A column of that name is not a feature; several columns could be the text.
    fn column(&self, data: &Dataset) -> Result<Option<String>> {
        data.schema().refuse_images()?;
        let features: Vec<(&str, Kind)> = data.schema().features().map(|(_, column)| (column.name.as_str(), column.kind)).collect();
        if let Some(name) = &self.params.column {
            let names = || features.iter().map(|(name, _)| *name);
            return match names().find(|feature| feature == name) {
                Some(name) => Ok(Some(name.to_owned())),
                None => Err(Error::UnknownColumn { name: name.clone(), nearest: nearest(name, names()) }),
            };
        }
        let texts: Vec<&str> = match features.as_slice() {
            [(only, _)] => vec![only],
            _ => features.iter().filter(|(_, kind)| *kind == Kind::Categorical).map(|(name, _)| *name).collect(),
        };
        match texts.as_slice() {
            // All texts that read as numbers are numbers to the import, so that documents may leave behind none that is a text.
            // That must not refuse the request.
            [] => Ok(None),
            [only] => Ok(Some((*only).to_owned())),
            _ => Err(refuse("column", format!("{} could each be the text; name one", texts.join(", ")))),
        }
    }

    /// Refuses records to train on among whose columns none is a text. [`Learner::fit`] does not: it must give what forgetting
    /// gives, and that may leave records whose texts all read as numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`], besides those of an ambiguous or unknown column.
    pub fn suits(&self, data: &Dataset) -> Result<()> {
        if self.column(data)?.is_none() && data.schema().features().count() > 0 {
            let reason = "no feature is text: all of them are numbers";
            return Err(unfit(reason, "name the text by --set column=NAME, or import the file again with --categorical NAME"));
        }
        Ok(())
    }

    /// The learner that all is left to.
    fn classifier(&self, column: Option<&str>) -> Result<AnyLearner> {
        self.params.check()?;
        let TextParams { column: _, n_features, n_gram, classifier, alpha } = &self.params;
        let n_features = n_features.unwrap_or(1 << 18);
        let text = column.iter().map(|column| ((*column).to_owned(), n_features)).collect();
        let preprocessing = Preprocessing { text, n_gram: *n_gram, ..Preprocessing::default() };
        match classifier {
            TextClassifier::NaiveBayes => {
                Ok(AnyLearner::new(NaiveBayes::new(NaiveBayesParams { alpha: *alpha, preprocessing, ..NaiveBayesParams::default() })))
            }
            TextClassifier::Logistic => {
                let params = LogisticParams { alpha: *alpha, preprocessing, ..LogisticParams::default() };
                Ok(AnyLearner::new(Logistic { params, seed: self.seed }))
            }
        }
    }

    /// Revises a model by `request`; where another column is the text afterwards, the model is made anew.
    fn revise(
        &self,
        model: &mut TextModel,
        retained: &Dataset,
        request: impl FnOnce(&AnyLearner, &mut AnyModel) -> Result<Guarantee>,
    ) -> Result<Guarantee> {
        let column = self.column(retained)?;
        let classifier = self.classifier(model.column.as_deref())?;
        if column == model.column {
            return request(&classifier, &mut model.model);
        }
        let guarantee = request(&classifier, &mut model.model.clone())?;
        *model = self.fit(retained)?;
        Ok(guarantee)
    }
}

impl Learner for Text {
    type Model = TextModel;

    fn fit(&self, data: &Dataset) -> Result<TextModel> {
        let column = self.column(data)?;
        let model = self.classifier(column.as_deref())?.fit(data)?;
        Ok(TextModel { column, model })
    }

    fn load(&self, state: &[u8], data: &Dataset) -> Result<TextModel> {
        let column = self.column(data)?;
        let model = self.classifier(column.as_deref())?.load(state, data)?;
        Ok(TextModel { column, model })
    }
}

impl Forget<TextModel> for Text {
    fn forget(&self, model: &mut TextModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        self.revise(model, retained, |classifier, model| classifier.forget(model, ids, retained))
    }

    fn learn(&self, model: &mut TextModel, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        self.revise(model, retained, |classifier, model| classifier.learn(model, ids, retained))
    }
}

impl Model for TextModel {
    fn artefact(&self) -> Vec<u8> {
        self.model.artefact()
    }

    fn state(&self) -> Vec<u8> {
        self.model.state()
    }

    fn records(&self) -> u64 {
        self.model.records()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        self.model.predict(data)
    }
}
