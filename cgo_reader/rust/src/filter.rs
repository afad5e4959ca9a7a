//! Which records are handed out: by kind and by instrument.

use crate::backend::Backend;
use crate::error::AttachError;
use crate::layout::{NO_INSTRUMENT, Record};
use crate::reader::find;

/// Which records a reader hands out. A record of no instrument passes by its kind alone.
/// Instruments are named, not numbered: they are found again in each generation.
///
/// ```
/// use tickring::{Filter, layout};
/// let quotes = Filter::default().kind(layout::KIND_BOOK_TICKER).symbol("BTC/USDT");
/// assert_ne!(quotes, Filter::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A bit for each kind; 0 lets all pass.
    kinds: u64,
    /// Empty lets all pass.
    symbols: Vec<String>,
}

impl Filter {
    /// Lets one more kind pass (a KIND_ constant); without any, all pass.
    ///
    /// # Panics
    /// When `kind` is 64 or more, which no version has.
    #[must_use]
    pub fn kind(mut self, kind: u8) -> Filter {
        assert!(kind < 64, "kind {kind} is none");
        self.kinds |= 1 << kind;
        self
    }

    /// Lets one more instrument pass, by BASE/QUOTE or the venue's spelling; without
    /// any, all pass.
    #[must_use]
    pub fn symbol(mut self, symbol: &str) -> Filter {
        self.symbols.push(symbol.to_owned());
        self
    }
}

/// A filter with the numbers of one generation.
pub(crate) struct Sieve {
    kinds: u64,
    /// A bit for each instrument; None lets all pass.
    ids: Option<Vec<u64>>,
    /// Rows of the table when it was looked through.
    rows: usize,
}

impl Sieve {
    /// Every instrument must be there.
    pub(crate) fn strict(filter: &Filter, backend: &impl Backend) -> Result<Sieve, AttachError> {
        for symbol in &filter.symbols {
            if find(backend, symbol).is_none() {
                return Err(AttachError::NoInstrument(symbol.clone()));
            }
        }
        Ok(Sieve::lenient(filter, backend))
    }

    /// What is not there yet may come: a record of a new row has the table looked
    /// through again.
    pub(crate) fn lenient(filter: &Filter, backend: &impl Backend) -> Sieve {
        let rows = backend.instrument_count();
        let ids = (!filter.symbols.is_empty()).then(|| {
            let mut bits = vec![0u64; rows.div_ceil(64)];
            for id in filter.symbols.iter().filter_map(|s| find(backend, s)) {
                // A row that came meanwhile is found with the next look.
                if let Some(word) = bits.get_mut(usize::from(id) / 64) {
                    *word |= 1 << (id % 64);
                }
            }
            bits
        });
        Sieve {
            kinds: filter.kinds,
            ids,
            rows,
        }
    }

    pub(crate) fn passes(
        &mut self,
        record: &Record,
        filter: &Filter,
        backend: &impl Backend,
    ) -> bool {
        if self.kinds != 0 && self.kinds >> (record.kind & 63) & 1 == 0 {
            return false;
        }
        let id = usize::from(record.instrument);
        if self.ids.is_none() || record.instrument == NO_INSTRUMENT {
            return true;
        }
        if id >= self.rows && self.rows < backend.instrument_count() {
            *self = Sieve::lenient(filter, backend);
        }
        let bits = self.ids.as_deref().unwrap_or_default();
        bits.get(id / 64)
            .is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    pub(crate) fn ids(&self) -> Option<Vec<u16>> {
        let bits = self.ids.as_ref()?;
        let is_set = |id: &u16| {
            let word = bits.get(usize::from(*id) / 64);
            word.is_some_and(|word| word >> (id % 64) & 1 == 1)
        };
        Some((0..NO_INSTRUMENT).take(self.rows).filter(is_set).collect())
    }
}
