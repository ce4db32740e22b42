//! What the books say: statements, balances of the past, and look-ups, held against the test's own.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use http::Method;
use quittance_gateway::client::{
    Body, NewPaymentRequest, Statement, StatementFormat, StatementLine, StatementQuery, Transfer,
};
use quittance_ledger::{Usage, WalletId};
use quittance_test_support::{ask, euro};

use super::town::{Town, miles, refused, yen};

const LINES_A_PAGE: u16 = 17;

/// ISO 20022's own schema of the statement that banks send.
const SCHEMA: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/engine/statement/tests/iso20022/camt.053.001.08.xsd");

pub(crate) async fn play(town: &Town) {
    every_line(town).await;
    pages_stay_while_transfers_arrive(town).await;
    a_chapter_by_its_instants(town).await;
    filters(town).await;
    files(town).await;
    the_past(town).await;
    look_ups(town).await;
    save_receipts(town).await;
}

/// The lines of a period, page by page.
async fn lines_of(
    town: &Town,
    wallet: WalletId,
    asked: StatementQuery<'_>,
) -> (Statement, Vec<StatementLine>) {
    let first = town.operator.statement(wallet, &asked).await.unwrap();
    let (mut lines, mut next) = (first.lines.clone(), first.next.clone());
    while let Some(cursor) = next {
        let query = StatementQuery { cursor: Some(&cursor), ..asked };
        let page = town.operator.statement(wallet, &query).await.unwrap();
        lines.extend(page.lines);
        next = page.next;
    }
    (first, lines)
}

fn paged() -> StatementQuery<'static> {
    StatementQuery { limit: Some(LINES_A_PAGE), ..StatementQuery::default() }
}

/// Each posting of each wallet is a line, in order, and the balance after it is what the lines before come to.
async fn every_line(town: &Town) {
    let postings: Vec<(WalletId, String, Vec<i64>)> = {
        let book = town.book();
        book.rows().map(|(wallet, row)| (wallet, row.whose.clone(), row.postings.clone())).collect()
    };
    let mut count = 0;
    for (wallet, whose, postings) in postings {
        let (statement, lines) = lines_of(town, wallet, paged()).await;
        let changes: Vec<i64> = lines.iter().map(StatementLine::change).collect();
        assert_eq!(changes, postings, "the statement of {whose}");
        assert_eq!((statement.opening, statement.closing), (0, postings.iter().sum()), "{whose}");
        let mut balance = 0;
        for line in &lines {
            balance += line.change();
            assert_eq!(line.balance_after, balance, "{whose} after {}", line.transfer);
        }
        count += lines.len();
    }
    println!("     {count} lines of statements are the book's postings, with the same running balances");
}

async fn pages_stay_while_transfers_arrive(town: &Town) {
    let (cafe, ada) = (&town.people.cafe, &town.people.ada);
    let (_, before) = lines_of(town, cafe.wallet, paged()).await;
    let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(Some(5), euro()) };
    let sticker = ask(cafe, &new).await;
    let mut page = town.operator.statement(cafe.wallet, &paged()).await.unwrap();
    let mut lines = page.lines;
    let mut paid = 0;
    while let Some(cursor) = page.next {
        if paid < 5 {
            town.pay(ada, &sticker, 5).await;
            paid += 1;
        }
        let query = StatementQuery { cursor: Some(&cursor), ..paged() };
        page = town.operator.statement(cafe.wallet, &query).await.unwrap();
        lines.extend(page.lines);
    }
    assert_eq!(lines[..before.len()], before, "no page was moved by what came after it");
    assert_eq!(lines.len(), before.len() + paid);
}

/// A statement from one instant to another has what was between them, and leads from the one balance to the other.
async fn a_chapter_by_its_instants(town: &Town) {
    for pair in town.past.windows(2) {
        let [earlier, later] = pair else { continue };
        for party in town.people.everybody() {
            let asked = StatementQuery { from: Some(&earlier.at), to: Some(&later.at), ..paged() };
            let (statement, lines) = lines_of(town, party.wallet, asked).await;
            let (opening, closing) = (earlier.balances[&party.wallet], later.balances[&party.wallet]);
            let case = format!("{} in {:?}", party.name, later.chapter);
            assert_eq!((statement.opening, statement.closing), (opening, closing), "{case}");
            assert_eq!(lines.iter().map(StatementLine::change).sum::<i64>(), closing - opening, "{case}");
        }
    }
}

async fn filters(town: &Town) {
    let (hotel, tax) = (&town.people.hotel, &town.people.tax_office);
    let (_, all) = lines_of(town, hotel.wallet, paged()).await;
    let expect = |is_shown: &dyn Fn(&StatementLine) -> bool| {
        all.iter().filter(|line| is_shown(line)).cloned().collect::<Vec<_>>()
    };
    let captures = expect(&|line| line.kind == "capture");
    assert_eq!(captures.len(), 11, "{captures:#?}");
    for (query, expected) in [
        (StatementQuery { kind: Some("capture"), ..paged() }, captures),
        (StatementQuery { direction: Some("debit"), ..paged() }, expect(&|line| line.direction == "debit")),
        (
            StatementQuery { counterparty: Some(tax.wallet), ..paged() },
            expect(&|line| line.counterparty == Some(tax.wallet)),
        ),
        (
            StatementQuery { reference: Some("MINIBAR"), ..paged() },
            expect(&|line| line.reference.as_deref() == Some("MINIBAR")),
        ),
        (
            StatementQuery { min_amount: Some(700), max_amount: Some(2_000), ..paged() },
            expect(&|line| (700..=2_000).contains(&line.amount)),
        ),
    ] {
        assert!(!expected.is_empty(), "{query:?}");
        assert_eq!(lines_of(town, hotel.wallet, query).await.1, expected, "{query:?}");
    }
}

async fn files(town: &Town) {
    let (cafe, ada) = (&town.people.cafe, &town.people.ada);
    let count = |wallet| town.book().row(wallet).postings.len();
    for wallet in [cafe.wallet, town.wallet_of(ada, yen())] {
        let export = async |format| {
            let file = town.operator.export_statement(wallet, &StatementQuery::default(), format).await;
            String::from_utf8(file.unwrap().to_vec()).unwrap()
        };
        let csv = export(StatementFormat::Csv).await;
        let lines = csv.lines().filter(|line| line.contains(",credit,") || line.contains(",debit,")).count();
        assert_eq!(lines, count(wallet));
        let json = export(StatementFormat::JsonLines).await;
        let lines = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        assert_eq!(lines.filter(|line| !line["transfer"].is_null()).count(), count(wallet));
        let camt = export(StatementFormat::Camt053).await;
        assert_eq!(camt.matches("<Ntry>").count(), count(wallet));
        let path = town.home.path("statement.xml");
        std::fs::write(&path, camt).unwrap();
        let Output { status, stderr, .. } = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema", SCHEMA])
            .arg(&path)
            .output()
            .expect("xmllint is needed: on Debian, apt install libxml2-utils");
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    }
    let wallet = town.wallet_of(ada, miles());
    let asked = StatementQuery::default();
    let answer = town.operator.export_statement(wallet, &asked, StatementFormat::Camt053).await;
    refused(answer, "field-invalid");
}

/// What a wallet held at the end of each chapter is known for good.
async fn the_past(town: &Town) {
    for past in &town.past {
        for (wallet, posted) in &past.balances {
            let balance = town.operator.balance_at(*wallet, &past.at).await.unwrap();
            assert_eq!(balance.posted, *posted, "{wallet} after {:?}", past.chapter);
        }
    }
    let ada = &town.people.ada;
    let own = ada.client.balance_at(ada.wallet, &town.past[1].at).await.unwrap();
    assert_eq!(own.posted, town.past[1].balances[&ada.wallet]);
    refused(town.people.ben.client.balance_at(ada.wallet, &town.past[1].at).await, "wallet-unknown");
}

async fn look_ups(town: &Town) {
    let (bookshop, kiosk, hotel) = (&town.people.bookshop, &town.people.kiosk, &town.people.hotel);
    let found = async |party: &quittance_test_support::Party, reference: &str| -> Vec<Transfer> {
        let page = party.client.transfers_by_reference(Some(party.wallet), reference, None).await.unwrap();
        assert_eq!(page.next, None);
        page.transfers
    };
    let sale = found(bookshop, "SALE-1-3").await;
    // The second try of it is on record too: it was refused.
    assert_eq!(sale.iter().filter(|transfer| transfer.refusal.is_none()).count(), 1);
    assert!(sale.iter().all(|transfer| transfer.reference.as_deref() == Some("SALE-1-3")));
    let settled = |transfers: Vec<Transfer>| {
        transfers.into_iter().filter(|transfer| transfer.refusal.is_none()).count()
    };
    assert_eq!(settled(found(kiosk, "KIOSK").await), 8);
    assert_eq!(settled(found(hotel, "MINIBAR").await), 8);
    assert_eq!(found(hotel, "SALE-1-3").await, []);
    let as_operator = town.operator.transfers_by_reference(Some(kiosk.wallet), "KIOSK", None).await.unwrap();
    assert_eq!(settled(as_operator.transfers), 8);
}

/// The folder of the receipts and heads, which are verified when the server is gone.
pub(crate) const PROOFS: &str = "proofs";

/// Keeps the journal's signed end, to be seen later that nothing before it was rewritten.
pub(crate) async fn save_head(town: &Town, name: &str) -> u64 {
    let head = save(town, "/v1/heads/latest", name).await;
    let head: serde_json::Value = serde_json::from_slice(&head).unwrap();
    head["head"]["blocks"].as_u64().unwrap()
}

/// Keeps an answer of the server's as it is.
pub(crate) async fn save(town: &Town, path: &str, name: &str) -> Vec<u8> {
    let answer = town.operator.request(Method::GET, path, Body::empty()).await.unwrap().success().unwrap();
    let folder = town.home.path(PROOFS);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), &answer.body).unwrap();
    answer.body.to_vec()
}

/// Keeps a receipt of a transfer of each purpose, and of one that was refused.
async fn save_receipts(town: &Town) {
    let people = &town.people;
    let mut kept = BTreeMap::new();
    for wallet in [people.cafe.wallet, people.hotel.wallet, people.agent.wallet] {
        for transfer in town.operator.all_transfers(wallet, 200).await.unwrap() {
            let name = match transfer.refusal {
                Some(_) => "refused".to_owned(),
                None => format!("{:?}", transfer.purpose).to_lowercase(),
            };
            kept.insert(name, transfer.id);
        }
    }
    let names: Vec<&str> = kept.keys().map(String::as_str).collect();
    let expected = ["adjustment", "capture", "hold", "issue", "payment", "refund", "refused", "reversal"];
    assert_eq!(names, expected);
    for (name, transfer) in &kept {
        save(town, &format!("/v1/transfers/{transfer}/receipt"), &format!("receipt-{name}.json")).await;
    }
    save(town, "/v1/keys", "keys.json").await;
    // A party keeps the receipt of what it has a part in, and nobody else's.
    let (hotel, bookshop) = (&town.people.hotel, &town.people.bookshop);
    hotel.client.receipt_file(kept["capture"]).await.unwrap();
    refused(bookshop.client.receipt_file(kept["capture"]).await, "transfer-unknown");
}
