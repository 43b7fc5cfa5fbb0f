//! Rounds: some cycles on one database, a check of all invariants now and then, and at the end
//! nothing may be left over and every journal has to agree.

use std::path::Path;
use std::time::Instant;

use fastrand::Rng;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::child::Workplace;
use crate::cycle::Crew;
use crate::database::Home;
use crate::summary::Summary;
use crate::{Failure, Options, check, say};

/// Cycles on one database. A killed producer keeps its node number for 10 minutes and there are
/// 1023, so a database cannot take many more kills in that time.
const CYCLES_MAX: u32 = 250;

/// Runs all cycles; true when nothing was wrong.
pub(crate) fn run_all(options: &Options) -> Result<bool, Failure> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let home = Home::open(options)?;
    say(&format!("torture: {} cycles on {}, seed {seed}", options.cycles, home.database));
    let started = Instant::now();
    let folder = TempDir::with_prefix("windlass-torture-")?;
    if !home.has_many() && options.cycles > CYCLES_MAX {
        return Err(format!("one database takes at most {CYCLES_MAX} cycles").into());
    }
    let mut summary = Summary::default();
    let place = (folder.path(), &home);
    let ended = run_rounds(options, place, Rng::with_seed(seed), &mut summary);
    summary.tell(started.elapsed());
    let passed = ended.is_ok() && summary.has_passed();
    if options.keep || !passed {
        Summary::tell_folder(&folder.keep());
    }
    ended.map(|()| passed)
}

fn run_rounds(
    options: &Options,
    place: (&Path, &Home),
    mut rng: Rng,
    summary: &mut Summary,
) -> Result<(), Failure> {
    while summary.cycles < options.cycles && summary.has_passed() {
        let cycles = CYCLES_MAX.min(options.cycles - summary.cycles);
        let mut round = Round::new(place, summary, rng.fork())?;
        round.run(cycles, options.check_every, summary)?;
    }
    Ok(())
}

/// Some cycles on one database.
struct Round {
    workplace: Workplace,
    crew: Crew,
    runtime: Runtime,
}

impl Round {
    fn new(place: (&Path, &Home), before: &Summary, rng: Rng) -> Result<Self, Failure> {
        let (folder, home) = place;
        let workplace = Workplace::create(home, folder, &format!("from_{}", before.cycles))?;
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let crew = Crew::new(workplace.clone(), home.database, rng);
        Ok(Self { workplace, crew, runtime })
    }

    fn run(&mut self, cycles: u32, check_every: u32, summary: &mut Summary) -> Result<(), Failure> {
        let Workplace { url, journals, .. } = self.workplace.clone();
        for cycle in 1..=cycles {
            self.crew.cycle(summary)?;
            if cycle % check_every == 0 || cycle == cycles {
                self.crew.dismiss(summary);
                let found = self.runtime.block_on(check::verify(&url))?;
                summary.verified(&format!("after cycle {}", summary.cycles), found);
            }
        }
        if !self.runtime.block_on(check::drain(&url, &journals))? {
            summary.complain("not everything could be worked off in time".to_owned());
        }
        let found = self.runtime.block_on(check::verify(&url))?;
        summary.verified("in the end", found);
        summary.add(self.runtime.block_on(check::compare(&url, &journals))?);
        Ok(())
    }
}
