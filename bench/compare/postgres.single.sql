\set payer random(0, :wallets - 1)
\set payee (:payer + random(1, :wallets - 1)) % :wallets
SELECT transfer((lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint), 14, '0')
    || lpad(to_hex(:client_id::int), 18, '0'))::uuid, :payer::int, :payee::int, 1::bigint);
