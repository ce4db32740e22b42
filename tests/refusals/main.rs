//! What the server says no to: each refusal says what, where and how to mend it, and moves nothing.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed, as it should"
)]

mod barcodes;
mod bodies;
mod callers;
mod conversions;
mod given_back;
mod holds;
mod kinds;
mod money;
mod pins;
mod requests;
mod rules;
mod signatures;

use std::fmt::Debug;

use http::Method;
use quittance_gateway::client::{
    Body, Client, ClientError, NewPaymentRequest, Payment, PaymentRequest, Prepared, ProblemDetails,
};
use quittance_ledger::{KeyAlgorithm, Usage};
use quittance_test_support::{
    Expected, Home, Party, Server, accounts_wallets, ask, assert_problem, euro, fund, join, payment, register,
};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");

/// A server with a payer, who has 50.00 EUR, and a payee who asks for 5.00 EUR as often as one likes.
struct Scene {
    home: Home,
    server: Server,
    operator: Client,
    payer: Party,
    payee: Party,
    request: PaymentRequest,
}

/// A refusal that is due. Without a field there must be none.
const fn due<'a>(status: u16, slugs: &'a [&'a str], field: Option<&'a str>) -> Expected<'a> {
    Expected { status, slugs, field }
}

impl Scene {
    async fn new() -> Self {
        Self::at(Home::new(BINARY)).await
    }

    async fn at(home: Home) -> Self {
        Self::at_with(home, &[]).await
    }

    async fn at_with(home: Home, arguments: &[&str]) -> Self {
        let server = home.start_with(arguments);
        let operator = server.operator();
        register(&operator).await;
        let payer = join(&operator, "payer", KeyAlgorithm::Ed25519).await;
        let payee = join(&operator, "payee", KeyAlgorithm::P256).await;
        fund(&operator, payer.wallet, 5_000).await;
        let new =
            NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(Some(500), euro()) };
        let request = ask(&payee, &new).await;
        Self { home, server, operator, payer, payee, request }
    }

    /// What both parties hold in all their wallets, and where the units come from.
    async fn balances(&self) -> Vec<(String, i64, i64)> {
        let parties = [self.payer.account, self.payee.account];
        let mut wallets = accounts_wallets(&self.operator, &parties).await;
        for currency in self.operator.currencies().await.unwrap() {
            wallets.push(self.operator.wallet(currency.issuer_wallet).await.unwrap());
        }
        wallets.into_iter().map(|wallet| (wallet.id.to_string(), wallet.posted, wallet.available)).collect()
    }

    /// Runs what must not move anything.
    async fn unmoved<T>(&self, case: &str, run: impl Future<Output = T>) -> T {
        let before = self.balances().await;
        let outcome = run.await;
        assert_eq!(self.balances().await, before, "{case}: something moved");
        outcome
    }

    /// Sends a request that must be refused.
    async fn refuses(
        &self,
        case: &str,
        client: &Client,
        (method, path, body): (Method, &str, Body),
        expected: Expected<'_>,
    ) -> ProblemDetails {
        let answer = self.unmoved(case, client.request(method, path, body)).await.unwrap();
        assert_problem(case, &answer, &expected)
    }

    /// Sends a request that was prepared, and must be refused.
    async fn refuses_prepared(
        &self,
        case: &str,
        request: Prepared,
        expected: Expected<'_>,
    ) -> ProblemDetails {
        let answer = self.unmoved(case, self.payer.client.send(request)).await.unwrap();
        assert_problem(case, &answer, &expected)
    }

    /// Sends a payment that must be refused.
    async fn refuses_payment(
        &self,
        case: &str,
        payer: &Party,
        payment: &Payment<'_>,
        expected: Expected<'_>,
    ) -> ProblemDetails {
        let body = payer.client.payment_body(payment).await.unwrap();
        self.refuses(case, &payer.client, (Method::POST, "/v1/transfers", body), expected).await
    }

    /// Asks through the client for what must be refused.
    async fn refuses_call<T: Debug>(
        &self,
        case: &str,
        call: impl Future<Output = Result<T, ClientError>>,
        expected: Expected<'_>,
    ) -> ProblemDetails {
        let problem = match self.unmoved(case, call).await {
            Err(ClientError::Problem(problem)) => *problem,
            other => panic!("{case}: {other:?}"),
        };
        let told = (problem.status, problem.slug(), problem.field.as_deref());
        assert!(expected.slugs.contains(&problem.slug()), "{case}: {problem}");
        assert_eq!((told.0, told.2), (expected.status, expected.field), "{case}: {problem}");
        assert!(![&problem.title, &problem.detail, &problem.mend].iter().any(|text| text.trim().is_empty()));
        problem
    }

    /// A payment that would settle.
    fn payment(&self) -> Payment<'_> {
        payment(&self.payer, &self.request.barcode.text)
    }

    /// The same as it is sent.
    async fn payment_body(&self) -> Body {
        self.payer.client.payment_body(&self.payment()).await.unwrap()
    }

    /// The same as JSON, to be changed.
    async fn payment_json(&self) -> Value {
        serde_json::from_slice(self.payment_body().await.as_bytes()).unwrap()
    }
}
