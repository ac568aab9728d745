//! Canonical bytes: little-endian, length-prefixed, one way to write each value.

use crate::{Error, Kind, Result, Task};

/// Writes canonical bytes.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Appends raw bytes without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Appends an unsigned integer as LEB128, 7 bits a byte, least significant first.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Appends an integer of either sign as a varint, the sign in the lowest bit (zigzag), so that small ones take few bytes.
    pub fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Appends a truth value as one byte, 0 or 1.
    pub fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Appends a task as one byte: 0 classification, 1 regression.
    pub fn task(&mut self, task: Task) {
        self.flag(task == Task::Regression);
    }

    /// Appends a kind as one byte: 0 numeric, 1 boolean, 2 categorical, 3 image.
    pub fn kind(&mut self, kind: Kind) {
        self.u8(match kind {
            Kind::Numeric => 0,
            Kind::Boolean => 1,
            Kind::Categorical => 2,
            Kind::Image => 3,
        });
    }

    /// Appends the four bytes of a float.
    pub fn f32(&mut self, value: f32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends the eight bytes of a float.
    pub fn f64(&mut self, value: f64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends the eight bytes of an integer.
    pub fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a length and UTF-8 text.
    pub fn text(&mut self, value: &str) {
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value.as_bytes());
    }
}

/// Reads what [`Writer`] wrote, and refuses anything that `Writer` would not have written.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which errors will call `what`.
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes }
    }

    /// An error about the bytes being read.
    pub fn malformed(&self, reason: impl Into<String>) -> Error {
        Error::Malformed { what: self.what, reason: reason.into() }
    }

    /// Takes `n` raw bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if fewer are left; so for every method below.
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8]> {
        if n > self.bytes.len() {
            return Err(self.malformed("it ends too early"));
        }
        let (head, tail) = self.bytes.split_at(n);
        self.bytes = tail;
        Ok(head)
    }

    /// Takes one byte.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.raw(1)?[0])
    }

    /// Takes a LEB128 integer in its shortest form.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    break;
                }
                return Ok(value);
            }
        }
        Err(self.malformed("an integer is not in its shortest form"))
    }

    /// Takes an integer of either sign.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn signed(&mut self) -> Result<i64> {
        let word = self.varint()?;
        Ok((word >> 1) as i64 ^ -((word & 1) as i64))
    }

    /// Takes a truth value.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn flag(&mut self) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            byte => Err(self.malformed(format!("{byte} is neither 0 nor 1"))),
        }
    }

    /// Takes a task.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn task(&mut self) -> Result<Task> {
        match self.u8()? {
            0 => Ok(Task::Classification),
            1 => Ok(Task::Regression),
            byte => Err(self.malformed(format!("there is no task {byte}"))),
        }
    }

    /// Takes a kind.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn kind(&mut self) -> Result<Kind> {
        match self.u8()? {
            0 => Ok(Kind::Numeric),
            1 => Ok(Kind::Boolean),
            2 => Ok(Kind::Categorical),
            3 => Ok(Kind::Image),
            byte => Err(self.malformed(format!("there is no kind {byte}"))),
        }
    }

    /// Takes a LEB128 integer and checks that it is at most `limit`, so that a damaged length allocates nothing absurd.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn at_most(&mut self, limit: usize) -> Result<usize> {
        let value = self.varint()?;
        usize::try_from(value).ok().filter(|n| *n <= limit).ok_or_else(|| self.malformed(format!("{value} is more than {limit}")))
    }

    /// Takes a count of things that take at least one byte each.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn count(&mut self) -> Result<usize> {
        self.at_most(self.bytes.len())
    }

    /// Takes a float of four bytes.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn f32(&mut self) -> Result<f32> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    /// Takes a float of eight bytes.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn f64(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// Takes an integer of eight bytes.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Takes a length and UTF-8 text.
    ///
    /// # Errors
    ///
    /// See [`Reader::raw`].
    pub fn text(&mut self) -> Result<&'a str> {
        let n = self.count()?;
        let bytes = self.raw(n)?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed("text is not UTF-8"))
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if bytes are left over.
    pub fn end(self) -> Result<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.malformed(format!("{} bytes follow its end", self.bytes.len()))) }
    }

    /// How many bytes have not been read.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.raw(N)?);
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() -> Result<()> {
        let mut w = Writer::new();
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            w.varint(value);
        }
        w.text("naïve");
        w.f32(-0.5);
        w.f64(1e300);
        let bytes = w.into_bytes();
        let mut r = Reader::new("test", &bytes);
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(r.varint()?, value);
        }
        assert_eq!(r.text()?, "naïve");
        assert_eq!(r.f32()?, -0.5);
        assert_eq!(r.f64()?, 1e300);
        r.end()
    }

    #[test]
    fn signs_are_read_back() -> Result<()> {
        let values = [0, 1, -1, 2, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN];
        let mut w = Writer::new();
        values.iter().for_each(|value| w.signed(*value));
        let bytes = w.into_bytes();
        let mut r = Reader::new("test", &bytes);
        for value in values {
            assert_eq!(r.signed()?, value);
        }
        r.end()?;
        let mut w = Writer::new();
        w.signed(-1);
        assert_eq!(w.into_bytes(), [1]);
        Ok(())
    }

    #[test]
    fn flags_tasks_and_kinds_have_one_byte_each_and_no_other() -> Result<()> {
        let mut w = Writer::new();
        [false, true].iter().for_each(|flag| w.flag(*flag));
        [Task::Classification, Task::Regression].iter().for_each(|task| w.task(*task));
        [Kind::Numeric, Kind::Boolean, Kind::Categorical, Kind::Image].iter().for_each(|kind| w.kind(*kind));
        let bytes = w.into_bytes();
        assert_eq!(bytes, [0, 1, 0, 1, 0, 1, 2, 3]);
        let mut r = Reader::new("test", &bytes);
        assert_eq!((r.flag()?, r.flag()?), (false, true));
        assert_eq!((r.task()?, r.task()?), (Task::Classification, Task::Regression));
        assert_eq!((r.kind()?, r.kind()?, r.kind()?, r.kind()?), (Kind::Numeric, Kind::Boolean, Kind::Categorical, Kind::Image));
        assert!(Reader::new("test", &[2]).flag().is_err());
        assert!(Reader::new("test", &[2]).task().is_err());
        assert!(Reader::new("test", &[4]).kind().is_err());
        Ok(())
    }

    #[test]
    fn a_second_spelling_of_an_integer_is_refused() {
        assert!(Reader::new("test", &[0x80, 0x00]).varint().is_err());
        assert!(Reader::new("test", &[0xff; 10]).varint().is_err());
        assert!(Reader::new("test", &[0x80]).varint().is_err());
        assert!(Reader::new("test", &[5, b'a']).text().is_err());
    }
}
