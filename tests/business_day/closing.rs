//! The books are closed: the server is stopped, and the audit of its store must come to what the test's book says.

use super::ledgers::{PROOFS, save_head};
use super::town::{Town, miles, yen};

/// The first head of the day, by its file's name.
pub(crate) const MORNING: &str = "morning.json";

/// Keeps the head of the journal in the morning.
pub(crate) async fn keep_the_first_head(town: &Town) -> u64 {
    save_head(town, MORNING).await
}

pub(crate) async fn play(mut town: Town, first_blocks: u64) {
    let blocks = save_head(&town, "evening.json").await;
    save_proof(&town, first_blocks, blocks).await;
    let (status, said) = town.server.take().unwrap().terminate();
    assert_eq!(status.code(), Some(0), "{said}");
    let audit = town.home.audit();
    let (report, why) = (String::from_utf8_lossy(&audit.stdout), String::from_utf8_lossy(&audit.stderr));
    assert!(audit.status.success(), "{report}{why}");
    assert!(report.starts_with("everything holds\n"), "{report}");
    {
        let book = town.book();
        let settled = format!("transfers  {} settled", book.settled);
        assert!(report.contains(&settled), "{settled} is not in:\n{report}");
        let accounts = format!("accounts   {}\n", town.people.everybody().len());
        assert!(report.contains(&accounts), "{accounts} is not in:\n{report}");
        for (code, sum) in book.in_circulation() {
            let decimals = if code == yen() || code == miles() { 0 } else { 2 };
            let major = sum / 10_i64.pow(decimals);
            let minor = format!(".{:02}", sum % 100);
            let shown = format!("{major}{} {code}", if decimals == 0 { "" } else { &minor });
            assert!(report.contains(&format!("currency   {shown} in circulation")), "{shown}:\n{report}");
        }
    }
    verify_without_the_server(&town);
    println!("\nThe audit of the stopped store:\n{report}");
    // And what the audit read is what a server starts from.
    town.restart();
    town.end_chapter("the next morning").await;
}

async fn save_proof(town: &Town, from: u64, to: u64) {
    let path = format!("/v1/heads/consistency?from={from}&to={to}");
    super::ledgers::save(town, &path, "proof.json").await;
}

/// Whoever has a receipt and the published keys needs nobody to believe.
fn verify_without_the_server(town: &Town) {
    let keys = format!("{PROOFS}/keys.json");
    let mut verified = 0;
    for file in std::fs::read_dir(town.home.path(PROOFS)).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let Some(purpose) = name.strip_prefix("receipt-").and_then(|name| name.strip_suffix(".json")) else {
            continue;
        };
        let receipt = format!("{PROOFS}/{name}");
        let said = town.home.run_well(&["verify", &receipt, "--keys", &keys]);
        assert!(said.starts_with("the receipt proves\n"), "{said}");
        assert_eq!(said.contains("outcome    refused, nothing moved: "), purpose == "refused", "{said}");
        // A digit more or less, and it proves nothing.
        let text = std::fs::read_to_string(town.home.path(&receipt)).unwrap();
        let (index, digit) = text.match_indices(|c: char| c.is_ascii_digit()).nth(40).unwrap();
        let other = if digit == "1" { "2" } else { "1" };
        let forged = format!("{}{other}{}", &text[..index], &text[index + 1..]);
        std::fs::write(town.home.path("forged.json"), forged).unwrap();
        let output = town.home.run(&["verify", "forged.json", "--keys", &keys]);
        assert_eq!(output.status.code(), Some(1), "{purpose}");
        verified += 1;
    }
    assert_eq!(verified, 8);
    let [morning, evening, proof] =
        [MORNING, "evening.json", "proof.json"].map(|name| format!("{PROOFS}/{name}"));
    let said = town.home.run_well(&["compare-heads", &morning, &evening, &proof, "--keys", &keys]);
    println!("     {verified} receipts are verified without the server; {}", said.trim_end());
}
