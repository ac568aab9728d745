//! What can be wrong with a file of records, with the place.

use std::fmt;
use std::path::PathBuf;

use untrain_core::ImageShape;

/// The result of an import.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where in a file a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The line on which the record begins, from 1; the header of a CSV file is on line 1.
    Line(u64),
    /// The row, from 1, of a file without lines.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// What is wrong with an image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageFault {
    /// It does not decode.
    Undecoded {
        /// Why not.
        reason: String,
    },
    /// Its samples have more than 8 bits.
    Depth,
    /// It has pixels that are not opaque.
    Transparent,
    /// There is none.
    Missing,
    /// Its name is not UTF-8.
    Name,
    /// It has another shape than the one before it.
    Shape {
        /// Its shape.
        found: ImageShape,
        /// The shape of the first image.
        expected: ImageShape,
        /// What the first image is called.
        other: String,
    },
}

impl fmt::Display for ImageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecoded { reason } => write!(f, "the image does not decode: {reason}"),
            Self::Depth => f.write_str("the image has more than 8 bits a sample"),
            Self::Transparent => f.write_str("the image has transparent pixels"),
            Self::Missing => f.write_str("the image is missing"),
            Self::Name => f.write_str("the name is not UTF-8"),
            Self::Shape { found, expected, other } => {
                write!(f, "the image is {found} (channels × height × width), and {other} is {expected}")
            }
        }
    }
}

impl ImageFault {
    fn hint(&self) -> &'static str {
        match self {
            Self::Undecoded { .. } => "write the image anew as PNG or JPEG, or take it out",
            Self::Depth => "convert all images to 8 bits a sample",
            Self::Transparent => "paint all images on a background, without an alpha channel",
            Self::Missing => "leave records without an image out",
            Self::Name => "rename the file",
            Self::Shape { found, expected, .. } if found.channels != expected.channels => "convert all images to grey, or all to colour",
            Self::Shape { .. } => "scale or crop all images to one size",
        }
    }
}

/// Why a file cannot become a dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The name's ending is not that of a format.
    #[error("{}: the format is not known; the name ends in .csv, .tsv, .jsonl or .ndjson (each also with .gz) or in .parquet; images are a folder, or a file that ends in idx3-ubyte or .bin (each also with .gz)", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The delimiter cannot separate values.
    #[error("'{}' cannot be a delimiter", delimiter.escape_default())]
    Delimiter {
        /// The character.
        delimiter: char,
    },
    /// There is nothing in the file, not even a header.
    #[error("{}: the file is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There are columns but no record.
    #[error("{}: no records", path.display())]
    NoRecords {
        /// The file.
        path: PathBuf,
    },
    /// Bytes that are not UTF-8.
    #[error("{}, line {line}: not UTF-8 text", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
    /// A record with more or fewer values than the header has names.
    #[error("{}, line {line}: found {found} values, expected {expected} as in the header", path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line on which the record begins.
        line: u64,
        /// How many names the header has.
        expected: usize,
        /// How many values the record has.
        found: usize,
    },
    /// A quoted value that does not end as it should.
    #[error("{}, line {line}: {reason}", path.display())]
    Quote {
        /// The file.
        path: PathBuf,
        /// The line on which the quote opens.
        line: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two columns of one name.
    #[error("{}: two columns are called \"{column}\"", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// A line that is not a JSON object.
    #[error("{}, line {line}, character {character}: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// Where on the line, from 1.
        character: usize,
        /// What the JSON reader says.
        reason: String,
    },
    /// A JSON value that no column can hold.
    #[error("{}, line {line}, key \"{key}\": {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The Parquet reader gives up.
    #[error("{}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A Parquet column of a type that has no place in a dataset.
    #[error("{}: column \"{column}\" holds {found}, which is neither number, truth value, text nor image", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// Images where numbers, truth values or text are wanted.
    #[error("{}: column \"{column}\" holds images", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A value that does not fit the kind of its column.
    #[error("{}, {place}, column \"{column}\": \"{value}\" is not {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The record.
        place: Place,
        /// The column.
        column: String,
        /// The value as it stands in the file.
        value: String,
        /// What the column holds.
        expected: &'static str,
    },
    /// A record without target.
    #[error("{}, {place}: the target \"{column}\" is missing", path.display())]
    MissingTarget {
        /// The file.
        path: PathBuf,
        /// The record.
        place: Place,
        /// The target.
        column: String,
    },
    /// A record without id.
    #[error("{}, {place}: the id \"{column}\" is missing", path.display())]
    MissingId {
        /// The file.
        path: PathBuf,
        /// The record.
        place: Place,
        /// The id column.
        column: String,
    },
    /// Two records with one id.
    #[error("{}: the id \"{id}\" occurs twice, on {first} and on {second}", path.display())]
    DuplicateId {
        /// The file.
        path: PathBuf,
        /// The id.
        id: String,
        /// The first record that has it.
        first: Place,
        /// The second.
        second: Place,
    },
    /// Nothing says who the records are.
    #[error("{}: no column is named as the id", path.display())]
    NoId {
        /// The file.
        path: PathBuf,
        /// Columns that could be the id: each of their values occurs once.
        unique: Vec<String>,
    },
    /// Two uses of a column that exclude each other.
    #[error("column \"{column}\" cannot be both {first} and {second}")]
    TwoRoles {
        /// The column.
        column: String,
        /// One use.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Nothing is left that a model could learn from.
    #[error("{}: no column is left as a feature", path.display())]
    NoFeatures {
        /// The file.
        path: PathBuf,
    },
    /// A share that is none.
    #[error("the holdout is {fraction} of the records, but must be more than 0 and less than 1")]
    Fraction {
        /// The share.
        fraction: f64,
    },
    /// A holdout that holds nothing.
    #[error("no record has \"{value}\" in column \"{column}\"")]
    HoldoutValue {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// Some of the values that occur.
        found: Vec<String>,
    },
    /// Columns of the dataset or features of the model that the file lacks.
    #[error("{}: no column is called {}", path.display(), quoted(columns, "or"))]
    MissingColumns {
        /// The file.
        path: PathBuf,
        /// The columns.
        columns: Vec<String>,
        /// The closest name to the first of them that the file has.
        nearest: Option<String>,
    },
    /// A column that the dataset does not have.
    #[error("{}: the dataset has no column \"{column}\"", path.display())]
    ExtraColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The closest name that the dataset has and the file lacks.
        nearest: Option<String>,
    },
    /// An image that cannot be used.
    #[error("{}{}: {fault}", path.display(), row.map_or_else(String::new, |row| format!(", row {row}")))]
    Image {
        /// The file.
        path: PathBuf,
        /// The row, from 1, if the file holds many.
        row: Option<u64>,
        /// What is wrong with it.
        fault: ImageFault,
    },
    /// A folder without images.
    #[error("{}: no images: neither PNG nor JPEG files nor CIFAR's .bin files", path.display())]
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// An image that is in no folder of a class.
    #[error("{}: the image has no label", path.display())]
    NoClass {
        /// The image.
        path: PathBuf,
    },
    /// An image that is not in the list of labels.
    #[error("{}: the image has no label in {}", path.display(), labels.display())]
    Unlisted {
        /// The image.
        path: PathBuf,
        /// The list.
        labels: PathBuf,
    },
    /// A label of an image that is not there.
    #[error("{}, {place}: there is no image \"{image}\"", path.display())]
    NoImage {
        /// The list.
        path: PathBuf,
        /// Where the label stands.
        place: Place,
        /// The image.
        image: String,
    },
    /// Images without a file of labels.
    #[error("{}: no file of labels", path.display())]
    NoLabels {
        /// The images.
        path: PathBuf,
        /// What the file of labels would be called.
        expected: Option<PathBuf>,
    },
    /// Another number of labels than of images.
    #[error("{} has {n_images} images, and {} has {n_labels} labels", images.display(), labels.display())]
    Counts {
        /// The images.
        images: PathBuf,
        /// How many.
        n_images: u64,
        /// The labels.
        labels: PathBuf,
        /// How many.
        n_labels: u64,
    },
    /// A file of images or labels that is not as its format wants it.
    #[error("{}: {reason}", path.display())]
    Binary {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of labels for something that has none beside it.
    #[error("{}: labels are given for a folder of images or an IDX file alone", path.display())]
    Labels {
        /// What was to be imported.
        path: PathBuf,
    },
    /// What the core refuses.
    #[error(transparent)]
    Core(#[from] untrain_core::Error),
}

impl Error {
    /// What the user could do about it, if that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Encoding { .. } => "save the file as UTF-8".to_owned(),
            Self::Ragged { .. } => "a value that holds the delimiter stands in double quotes".to_owned(),
            Self::Quote { .. } => "a double quote inside a quoted value is written twice".to_owned(),
            Self::Type { column, .. } => format!("drop \"{column}\", or write it as text or numbers"),
            Self::Value { value, expected: FINITE, .. } => format!("name \"{value}\" as a marker of missing values, or drop the record"),
            Self::Value { value, expected: "a number", .. } => {
                format!("name \"{value}\" as a marker of missing values if it is one, or import the column as categorical")
            }
            Self::Value { expected: "true or false", .. } => "write true or false, 1 or 0, yes or no".to_owned(),
            Self::MissingTarget { .. } => "drop the records without target".to_owned(),
            Self::NoId { unique, .. } if unique.is_empty() => {
                "name the id column; since no column tells all records apart, ids can be made from the records' content".to_owned()
            }
            Self::NoId { unique, .. } => {
                format!("name the id column ({} would do), or have ids made from the records' content", quoted(unique, "or"))
            }
            Self::Image { fault, .. } => fault.hint().to_owned(),
            Self::NoClass { .. } => {
                "put each image into a folder with the name of its class, or list all in labels.csv with the columns file and label"
                    .to_owned()
            }
            Self::Unlisted { .. } | Self::NoImage { .. } => {
                "the column file holds the path of each image in the folder, with / between its parts".to_owned()
            }
            Self::NoLabels { expected: Some(expected), .. } => format!("put the labels into {}, or name their file", expected.display()),
            Self::NoLabels { expected: None, .. } => "name the file of labels".to_owned(),
            Self::HoldoutValue { found, .. } if !found.is_empty() => format!("the column holds {}", quoted(found, "and")),
            Self::MissingColumns { nearest: Some(name), .. } | Self::ExtraColumn { nearest: Some(name), .. } => {
                format!("did you mean \"{name}\"?")
            }
            Self::ExtraColumn { .. } => "leave the column out of the file".to_owned(),
            Self::Core(untrain_core::Error::UnknownColumn { nearest: Some(name), .. }) => format!("did you mean \"{name}\"?"),
            _ => return None,
        })
    }
}

/// What a numeric column holds, where infinity is the trouble.
pub(super) const FINITE: &str = "finite";

/// Some names in words: "a", "b" and 3 more.
fn quoted(names: &[String], and: &str) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("\"{name}\"")).collect();
    match (names.len().checked_sub(SHOWN), shown.split_last()) {
        (Some(more @ 1..), _) => format!("{} {and} {more} more", shown.join(", ")),
        (_, Some((last, rest))) if !rest.is_empty() => format!("{} {and} {last}", rest.join(", ")),
        _ => shown.join(""),
    }
}
