//! The cache as its users see it: what the writer stored is what readers find.

mod audits;
mod fixture;
mod opening;
mod pages;
mod storing;
mod summaries;
