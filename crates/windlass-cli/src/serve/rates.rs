//! How often somebody may ask.

use clap::Args;
use windlass::{KeyRates, Rate, parse_rate};
use windlass_server::Rates;

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct RateArgs {
    /// Jobs that each key may store, such as 100/1s or 100/1s/500 with a burst of 500 [default: any number]
    #[arg(long, value_name = "RATE", env = "WINDLASS_RATES__ENQUEUES", value_parser = parse_rate)]
    rate_enqueues: Option<Rate>,

    /// Requests for jobs that may come with each key [default: any number]
    #[arg(long, value_name = "RATE", env = "WINDLASS_RATES__CLAIMS", value_parser = parse_rate)]
    rate_claims: Option<Rate>,

    /// Requests without a key that may come from each address [default: any number]
    #[arg(long, value_name = "RATE", env = "WINDLASS_RATES__WITHOUT_KEY", value_parser = parse_rate)]
    rate_without_key: Option<Rate>,
}

impl RateArgs {
    pub(crate) const fn rates(&self) -> Rates {
        let each = KeyRates { enqueues: self.rate_enqueues, claims: self.rate_claims };
        Rates { each, without_key: self.rate_without_key }
    }
}
