//! Whether every line that was logged is in the files, whole and once.

use std::fs::File;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;

use crate::contestant::Fault;
use crate::event;
use crate::event::Values;

/// Reads all files in a folder. The numbers of their lines have to be those below `total`.
pub(crate) fn lines_in(folder: &Path, total: u64) -> Result<(), Fault> {
    let values = Values::new();
    let mut seen = vec![false; usize::try_from(total)?];
    let (mut files, mut strange, mut twice) = (0, Vec::new(), 0_u64);
    for entry in std::fs::read_dir(folder)? {
        files += 1;
        let mut file = BufReader::with_capacity(1 << 20, File::open(entry?.path())?);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 {
            let place = number(&line, &values).and_then(|number| seen.get_mut(number));
            match place {
                Some(place) if *place => twice += 1,
                Some(place) => *place = true,
                None => strange.push(String::from_utf8_lossy(&line).into_owned()),
            }
            line.clear();
        }
    }
    let missing = seen.iter().filter(|is_there| !**is_there).count();
    if let Some(line) = strange.first() {
        let count = strange.len();
        return Err(format!("{count} lines that nobody logged, the first of them `{line}`").into());
    }
    if missing > 0 || twice > 0 {
        return Err(format!(
            "{missing} of {total} lines are missing, {twice} are there twice, in {files} files"
        )
        .into());
    }
    Ok(())
}

/// Which event a line is of, if all of it is there.
fn number(line: &[u8], values: &Values) -> Option<usize> {
    let text = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (head, rest) = text.split_once(event::BEFORE_NUMBER)?;
    let digits = rest.split(' ').next()?;
    let number = digits.parse::<u64>().ok()?.checked_sub(event::FIRST)?;
    let message = values.message(number);
    let has_head = head.contains(event::TARGET) && head.to_ascii_uppercase().contains("INFO");
    let is_whole = has_head && message.strip_prefix(event::BEFORE_NUMBER) == Some(rest);
    usize::try_from(number).ok().filter(|_| is_whole)
}
