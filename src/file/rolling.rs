//! The options of rolling, how they combine, and what they make of a path.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::FileLayerBuilder;
use super::archive::Archives;
use super::archive::FileIndex;
use super::archive::Limits;
use super::archivist::Archivist;
use super::compress;
use super::console::Console;
use super::log_file::LogFile;
use super::log_file::Start;
use super::name::NamePattern;
use super::open;
use super::open::Access;
use super::open::folder_of;
use super::output::Output;
use super::roll::Clock;
use super::roll::Roller;
use super::roll::next_direct;
use super::schedule::Every;
use super::schedule::Period;
use super::schedule::Schedule;
use super::stream::Stream;
use crate::error::BuildError;
use crate::layout::DateUnit;
use crate::layout::FileZone;
use crate::sys::Timestamp;
use crate::worker::Reporter;

/// The options as they were set.
#[derive(Debug, Default)]
pub(super) struct Rolling {
    pattern: Option<String>,
    zone: Option<String>,
    max_file_size: Option<u64>,
    every: Option<Every>,
    on_startup: Option<u64>,
    index: FileIndex,
    limits: Limits,
    level: Option<i32>,
    link: Option<PathBuf>,
}

impl Rolling {
    /// Nothing of it is set.
    pub(super) fn is_none(&self) -> bool {
        self.pattern.is_none()
            && self.zone.is_none()
            && self.max_file_size.is_none()
            && self.every.is_none()
            && self.on_startup.is_none()
            && self.index == FileIndex::NoMax
            && self.limits.is_none()
            && self.level.is_none()
            && self.link.is_none()
    }
}

/// When files are rolled, what they are called then, and how long they are kept.
impl FileLayerBuilder {
    /// Rolls the file before a line makes it larger than `bytes`. A line that is larger alone gets a file
    /// of its own, and a footer comes on top. Defaults to no limit.
    pub fn max_file_size(mut self, bytes: u64) -> Self {
        self.rolling.max_file_size = Some(bytes);
        self
    }

    /// Rolls the file at the end of each period, whether there are events or not; a file without lines is
    /// not rolled. A line is in the file of the period in which it was logged. Defaults to none, or to the
    /// smallest unit of the dates in [`file_pattern`](Self::file_pattern) if nothing else says when to
    /// roll.
    pub fn roll_every(mut self, period: Period) -> Self {
        self.rolling.every = Some(Every::Period(period));
        self
    }

    /// Rolls the file at the times that a cron expression in the syntax of Quartz tells: second, minute,
    /// hour, day of the month, month, day of the week with Sunday as 1, and a year if you like. Takes the
    /// place of [`roll_every`](Self::roll_every).
    ///
    /// `0 0 0 ? * 2-6` is each midnight before a working day.
    #[cfg(feature = "cron")]
    pub fn roll_cron(mut self, expression: impl Into<String>) -> Self {
        self.rolling.every = Some(Every::Cron(expression.into()));
        self
    }

    /// Rolls a file that has `min_bytes` or more when the layer is built, unless another process or layer
    /// writes to it then. Defaults to never.
    pub fn roll_on_startup(mut self, min_bytes: u64) -> Self {
        self.rolling.on_startup = Some(min_bytes);
        self
    }

    /// Sets the time zone of periods and dates: `local`, `UTC`, `GMT+02:00`, or a name such as
    /// `Europe/Berlin`. Defaults to `local`.
    pub fn zone(mut self, name: impl Into<String>) -> Self {
        self.rolling.zone = Some(name.into());
        self
    }

    /// Sets what rolled files are called, in Log4j 2's language: `%d{yyyy-MM-dd}` for the date on which
    /// their period began, `%i` for a number, `%03i` for one of three digits, `%%` for a percent sign.
    /// They are compressed if it ends in `.gz` or `.zst`.
    ///
    /// A pattern without a folder is for files beside the log file; one with folders is relative to where
    /// the application was started, as the path is. Folders may have dates, too. Defaults to the name of
    /// the log file with what is needed put in: `app-%d{yyyy-MM-dd}-%i.log`.
    ///
    /// Where the archives lie on another file system than the log file, they are copied there; an archive
    /// may be there twice if the process is killed in the moment between the copy and the removal.
    ///
    /// What has a name that this pattern could have printed counts as an archive of this layer, and may be
    /// renamed by [`file_index`](Self::file_index) or deleted by the limits; nothing else ever is.
    pub fn file_pattern(mut self, pattern: impl Into<String>) -> Self {
        self.rolling.pattern = Some(pattern.into());
        self
    }

    /// Sets which number a rolled file gets for `%i`. Defaults to [`FileIndex::NoMax`].
    pub fn file_index(mut self, index: FileIndex) -> Self {
        self.rolling.index = index;
        self
    }

    /// Keeps so many archives beside the current file, 1 or more, and deletes the oldest. Defaults to no
    /// limit.
    pub fn max_files(mut self, count: usize) -> Self {
        self.rolling.limits.files = Some(count);
        self
    }

    /// Deletes archives the last line of which is older. Defaults to no limit. They are looked at whenever
    /// a file is rolled, and every ten minutes.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.rolling.limits.age = Some(age);
        self
    }

    /// Deletes the oldest archives while all together, the current file left out, are larger than that.
    /// Defaults to no limit.
    pub fn max_total_size(mut self, bytes: u64) -> Self {
        self.rolling.limits.bytes = Some(bytes);
        self
    }

    /// Sets how hard archives are compressed: 0 to 9 for `.gz`, 6 by default; about -100 000 to 22 for
    /// `.zst`, 3 by default.
    pub fn compression_level(mut self, level: i32) -> Self {
        self.rolling.level = Some(level);
        self
    }

    /// Keeps a symbolic link at `path` that leads to the current file, of use where that has a date in its
    /// name: see [`FileLayer::rolling`](crate::FileLayer::rolling). It is replaced at once: it leads to a file at every moment, but, for a layer with a fixed
    /// path, that in which the file is renamed. Defaults
    /// to none.
    pub fn latest_link(mut self, path: impl Into<PathBuf>) -> Self {
        self.rolling.link = Some(path.into());
        self
    }
}

/// A file that was opened, and whether it is to be rolled before anything is written.
pub(super) struct Beginning {
    pub(super) output: Output,
    pub(super) start: Option<Start>,
    pub(super) roll_now: bool,
}

impl Beginning {
    pub(super) fn of_stream(stream: Stream, is_synchronous: bool) -> Result<Self, BuildError> {
        let console = Console::open(stream, is_synchronous).map_err(BuildError::thread)?;
        Ok(Self {
            output: Output::Stream(console),
            start: None,
            roll_now: false,
        })
    }

    /// Refuses a file that another one writes to.
    pub(super) fn check_exclusive(&self) -> Result<(), BuildError> {
        match self.output.file() {
            Some(file) if !file.is_ours() => {
                let why = "another process or layer has it open for logging";
                Err(BuildError::file(file.path(), io::Error::other(why)))
            }
            _ => Ok(()),
        }
    }
}

/// Which file to begin with.
#[derive(Debug, Clone, Copy)]
enum Place<'p> {
    /// A fixed path, from which rolled files are moved away.
    Fixed(&'p Path),
    /// Wherever a pattern says.
    Direct(&'p str),
}

impl Rolling {
    /// Opens the file at `path`.
    pub(super) fn open_fixed(
        self,
        path: &Path,
        access: Access,
        reporter: &Reporter,
    ) -> Result<Beginning, BuildError> {
        let failed = |source| BuildError::file(path, source);
        let mut found = std::path::absolute(path).map_err(failed)?;
        // It is the file that is rolled, and not a link that leads to it.
        if !self.is_none() && access.follow_symlinks && found.is_symlink() {
            let opened = open::for_appending(&found, access).map_err(failed)?;
            if !opened.found.is_regular {
                return Err(failed(not_regular()));
            }
            found = std::fs::canonicalize(&found).map_err(failed)?;
        }
        self.open(Place::Fixed(&found), access, reporter)
    }

    /// Opens the first file of those that are called as `pattern` says.
    pub(super) fn open_direct(
        self,
        pattern: &str,
        access: Access,
        reporter: &Reporter,
    ) -> Result<Beginning, BuildError> {
        self.open(Place::Direct(pattern), access, reporter)
    }

    fn open(
        mut self,
        place: Place<'_>,
        access: Access,
        reporter: &Reporter,
    ) -> Result<Beginning, BuildError> {
        if let Some(link) = &mut self.link {
            *link =
                std::path::absolute(&*link).map_err(|source| BuildError::file(&*link, source))?;
        }
        let plan = match place {
            Place::Fixed(_) if self.is_none() => None,
            Place::Fixed(_) | Place::Direct(_) => Some(self.plan(place)?),
        };
        let startup = self.on_startup;
        let path = match (place, &plan) {
            (Place::Fixed(path), plan) => {
                if let Some(plan) = plan
                    && plan.names.base() != folder_of(path)
                {
                    plan.make_folder(access)?;
                }
                path.to_owned()
            }
            (Place::Direct(pattern), None) => PathBuf::from(pattern),
            (Place::Direct(_), Some(plan)) => {
                let room = plan.max_bytes.min(startup.unwrap_or(u64::MAX));
                let first = plan.first_path(room);
                first.map_err(|source| BuildError::file(plan.names.base(), source))?
            }
        };
        let failed = |source| BuildError::file(&path, source);
        let (file, start) = LogFile::open(path.clone(), access).map_err(failed)?;
        let Some(plan) = plan else {
            let output = Output::file_output(file, access, None);
            return Ok(Beginning {
                output,
                start: Some(start),
                roll_now: false,
            });
        };
        if !file.is_regular() {
            return Err(failed(not_regular()));
        }
        let is_direct = matches!(place, Place::Direct(_));
        let roller = self.roller(plan, is_direct, access, reporter)?;
        let link = roller.link.clone();
        let output = Output::file_output(file, access, Some(roller));
        if let (Some(link), Err(source)) = (link, output.link()) {
            return Err(BuildError::file(&link, source));
        }
        output.adopt();
        Ok(Beginning {
            output,
            start: Some(start),
            roll_now: startup.is_some_and(|least| start.bytes > 0 && start.bytes >= least),
        })
    }

    fn roller(
        self,
        plan: Plan,
        is_direct: bool,
        access: Access,
        reporter: &Reporter,
    ) -> Result<Roller, BuildError> {
        let archives = Archives {
            names: Arc::clone(&plan.names),
            index: self.index,
            level: self.level,
            limits: self.limits,
            access,
            is_direct,
            stop: Arc::default(),
        };
        let archivist = Archivist::start(archives, reporter.clone()).map_err(BuildError::thread)?;
        Ok(Roller {
            names: plan.names,
            is_direct,
            max_bytes: plan.max_bytes,
            schedule: plan.schedule,
            link: self.link,
            archivist,
            clock: Clock::default(),
        })
    }

    /// Reads the options, and refuses what contradicts itself.
    fn plan(&self, place: Place<'_>) -> Result<Plan, BuildError> {
        self.check_numbers()?;
        let zone = self.file_zone()?;
        // What is wrong is told of the pattern as it was written.
        let parsed = |pattern: &str| NamePattern::parse(pattern, &zone).map(|_| pattern.to_owned());
        let (pattern, whole) = match (place, &self.pattern) {
            (Place::Direct(_), Some(pattern)) => {
                let found =
                    format!("`file_pattern` is `{pattern}` beside the pattern of `rolling`");
                return Err(BuildError::conflict(found, "one pattern"));
            }
            (Place::Direct(pattern), None) => (parsed(pattern)?, absolute(pattern)?),
            (Place::Fixed(path), Some(pattern)) => (parsed(pattern)?, beside(path, pattern)?),
            (Place::Fixed(path), None) => {
                let pattern = self.default_pattern(path)?;
                (pattern.clone(), pattern)
            }
        };
        let names = NamePattern::parse(&whole, &zone)?;
        let every = self.every.clone().or_else(|| self.implied(&names));
        self.check_names(&pattern, &names, every.as_ref(), place)?;
        if let (Some(level), Some(codec)) = (self.level, names.codec()) {
            compress::check_level(codec, level).map_err(|expected| {
                BuildError::setting("compression_level", level.to_string(), expected)
            })?;
        }
        let schedule = every
            .map(|every| Schedule::new(&every, &zone))
            .transpose()?;
        Ok(Plan {
            pattern,
            names: Arc::new(names),
            schedule,
            max_bytes: self.max_file_size.unwrap_or(u64::MAX),
        })
    }

    fn file_zone(&self) -> Result<FileZone, BuildError> {
        let name = self.zone.as_deref().unwrap_or("local");
        FileZone::named(name)
            .map_err(|error| BuildError::setting("zone", name, format!("a time zone: {error}")))
    }

    fn check_numbers(&self) -> Result<(), BuildError> {
        let zero = |name: &str, is_zero: bool| {
            if is_zero {
                return Err(BuildError::setting(name, "0", "1 or more"));
            }
            Ok(())
        };
        zero("max_file_size", self.max_file_size == Some(0))?;
        zero("max_files", self.limits.files == Some(0))?;
        zero("max_age", self.limits.age == Some(Duration::ZERO))?;
        zero("max_total_size", self.limits.bytes == Some(0))?;
        match &self.index {
            FileIndex::Min(range) | FileIndex::Max(range) if range.is_empty() => {
                let value = format!("{}..={}", range.start(), range.end());
                let expected = "a range with a number in it, such as 1..=7";
                Err(BuildError::setting("file_index", value, expected))
            }
            _ => Ok(()),
        }
    }

    /// What a pattern with a date says of the time, where nothing else says when to roll.
    fn implied(&self, names: &NamePattern) -> Option<Every> {
        if self.max_file_size.is_some() || self.on_startup.is_some() {
            return None;
        }
        let period = match names.finest()? {
            DateUnit::Second => return None,
            DateUnit::Minute => Period::MINUTELY,
            DateUnit::Hour => Period::HOURLY,
            DateUnit::Day => Period::DAILY,
            DateUnit::Week => Period::WEEKLY,
            DateUnit::Month => Period::MONTHLY,
            DateUnit::Quarter => Period::months(3),
            DateUnit::Year => Period::months(12),
        };
        Some(Every::Period(period))
    }

    fn check_names(
        &self,
        pattern: &str,
        names: &NamePattern,
        every: Option<&Every>,
        place: Place<'_>,
    ) -> Result<(), BuildError> {
        let conflict = |found: &str, expected: &str| {
            let found = format!("`file_pattern` is `{pattern}`, and {found}");
            Err(BuildError::conflict(found, expected))
        };
        if every.is_none() && self.max_file_size.is_none() && self.on_startup.is_none() {
            return conflict(
                "nothing says when to roll",
                "`max_file_size`, `roll_every`, `roll_on_startup`, or a date in the pattern",
            );
        }
        if let Place::Fixed(path) = place
            && names.read(path).is_some()
        {
            let found = format!("the log file is `{}`", path.display());
            return conflict(&found, "a path that is none of the archives' names");
        }
        if names.has_index() {
            return Ok(());
        }
        let number = "a `%i` in the pattern";
        if self.index != FileIndex::NoMax {
            return conflict("`file_index` is set", number);
        }
        if self.max_file_size.is_some() {
            return conflict("`max_file_size` is set", number);
        }
        if self.on_startup.is_some() && matches!(place, Place::Direct(_)) {
            return conflict("`roll_on_startup` is set", number);
        }
        let Some(Every::Period(period)) = every else {
            return Ok(());
        };
        if names.finest().is_none_or(|finest| finest > period.unit()) {
            return conflict(
                &format!("files are rolled every {period}"),
                "a date that tells these apart, or a `%i`",
            );
        }
        Ok(())
    }

    /// The name of the log file with the date and the number put in that it needs.
    fn default_pattern(&self, path: &Path) -> Result<String, BuildError> {
        let part = |part: Option<&std::ffi::OsStr>| match part {
            None => Ok(String::new()),
            Some(part) => match part.to_str() {
                Some(text) => Ok(escaped(text)),
                None => Err(BuildError::setting(
                    "path",
                    part.to_string_lossy(),
                    "UTF-8, or a `file_pattern`",
                )),
            },
        };
        let mut pattern = part(Some(folder_of(path).join("").as_os_str()))?;
        pattern.push_str(&part(path.file_stem())?);
        if let Some(every) = &self.every {
            pattern.push_str("-%d{");
            pattern.push_str(every.date());
            pattern.push('}');
        }
        if self.every.is_none() || self.max_file_size.is_some() || self.on_startup.is_some() {
            pattern.push_str("-%i");
        }
        if let Some(extension) = path.extension() {
            pattern.push('.');
            pattern.push_str(&part(Some(extension))?);
        }
        Ok(pattern)
    }
}

/// What the options come to.
#[derive(Debug)]
struct Plan {
    /// As it was written.
    pattern: String,
    names: Arc<NamePattern>,
    schedule: Option<Schedule>,
    max_bytes: u64,
}

impl Plan {
    /// Makes the folder of the archives, or that of the folders with dates.
    fn make_folder(&self, access: Access) -> Result<(), BuildError> {
        open::create_folders(&self.names.base().join("archive"), access).map_err(|error| {
            let expected = format!("archives in a folder that can be made: {error}");
            BuildError::setting("file_pattern", &*self.pattern, expected)
        })
    }

    /// The file to begin with, where it is called as its archive from the beginning: the last one of the
    /// period, if it has room.
    fn first_path(&self, room: u64) -> io::Result<PathBuf> {
        let now = Timestamp::now();
        let time = self
            .schedule
            .as_ref()
            .map_or(now, |schedule| schedule.start_of(now));
        next_direct(&self.names, time, None, Some(room))
    }
}

impl Every {
    /// The date that tells its files apart.
    fn date(&self) -> &'static str {
        match self {
            Self::Period(period) => match period.unit() {
                DateUnit::Second | DateUnit::Minute => "yyyy-MM-dd-HH-mm",
                DateUnit::Hour => "yyyy-MM-dd-HH",
                DateUnit::Day | DateUnit::Week => "yyyy-MM-dd",
                DateUnit::Month | DateUnit::Quarter | DateUnit::Year => "yyyy-MM",
            },
            #[cfg(feature = "cron")]
            Self::Cron(_) => "yyyy-MM-dd-HH-mm-ss",
        }
    }
}

fn not_regular() -> io::Error {
    let why = "it is no regular file, so it cannot be rolled";
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Text as a pattern that prints it.
fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}

/// The pattern with the folder in which the application is now, if it is relative to that.
fn absolute(pattern: &str) -> Result<String, BuildError> {
    if Path::new(pattern).is_absolute() || pattern.is_empty() {
        return Ok(pattern.to_owned());
    }
    let folder = std::env::current_dir();
    let folder = folder.map_err(|source| BuildError::file(Path::new(pattern), source))?;
    match folder.join("").to_str() {
        Some(folder) => Ok(escaped(folder) + pattern),
        None => Err(BuildError::setting(
            "file_pattern",
            pattern,
            "an absolute one, as the current folder has no name in UTF-8",
        )),
    }
}

/// A pattern without a folder is for files beside the log file.
fn beside(path: &Path, pattern: &str) -> Result<String, BuildError> {
    let mut depth = 0_u32;
    let has_folder = pattern.chars().any(|character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && std::path::is_separator(character)
    });
    if has_folder {
        return absolute(pattern);
    }
    let folder = folder_of(path).join("");
    match folder.to_str() {
        Some(folder) => Ok(escaped(folder) + pattern),
        None => Err(BuildError::setting(
            "path",
            folder.to_string_lossy(),
            "UTF-8, or a `file_pattern` with a folder",
        )),
    }
}
