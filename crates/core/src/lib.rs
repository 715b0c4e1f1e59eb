//! Neural architecture search: search spaces, searchers, evaluators, the study loop and a candle trainer.
