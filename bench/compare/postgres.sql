-- What settles transfers in PostgreSQL. Wallets leave room on their pages so that new balances need no new index
-- entries. A transfer that cannot be is an exception, which undoes it.

DROP TABLE IF EXISTS wallets, transfers;

CREATE TABLE wallets (
    id int PRIMARY KEY,
    balance bigint NOT NULL CHECK (balance >= 0)
) WITH (fillfactor = 50);

CREATE TABLE transfers (
    id uuid PRIMARY KEY,
    payer int NOT NULL,
    payee int NOT NULL,
    amount bigint NOT NULL
);

-- One transfer; false for a repeat. Rows are locked in the order of their ids, so that two transfers between the same
-- wallets cannot wait for each other; the table's check holds the payer's balance.
CREATE OR REPLACE FUNCTION transfer(id uuid, payer int, payee int, amount bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transfers VALUES (transfer.id, payer, payee, amount) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF payer < payee THEN
        UPDATE wallets SET balance = balance - amount WHERE wallets.id = payer;
        UPDATE wallets SET balance = balance + amount WHERE wallets.id = payee;
    ELSE
        UPDATE wallets SET balance = balance + amount WHERE wallets.id = payee;
        UPDATE wallets SET balance = balance - amount WHERE wallets.id = payer;
    END IF;
    RETURN true;
END $$;

-- Many transfers as one; how many were no repeats. Each wallet is updated once, by what the batch comes to for it, which
-- is less than the rules ask (a transfer may spend what a later one brings) and the fastest that can be done.
CREATE OR REPLACE FUNCTION transfer_batch(ids uuid[], payers int[], payees int[], amounts bigint[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    settled bigint;
BEGIN
    PERFORM FROM wallets WHERE id = ANY (payers || payees) ORDER BY id FOR UPDATE;
    WITH taken AS (
        INSERT INTO transfers SELECT * FROM unnest(ids, payers, payees, amounts)
        ON CONFLICT DO NOTHING RETURNING payer, payee, amount
    ), net AS (
        SELECT wallet, sum(change)::bigint AS change FROM (
            SELECT payer AS wallet, -amount AS change FROM taken UNION ALL SELECT payee, amount FROM taken
        ) AS legs GROUP BY wallet
    ), moved AS (
        UPDATE wallets SET balance = balance + change FROM net WHERE id = wallet
    )
    SELECT count(*) INTO settled FROM taken;
    RETURN settled;
END $$;

INSERT INTO wallets SELECT id, :funds FROM generate_series(0, :wallets - 1) AS id;
VACUUM ANALYZE wallets;
CHECKPOINT;
