SELECT transfer_batch(
    array_agg((now.prefix || lpad(to_hex(number), 14, '0'))::uuid),
    array_agg(payer),
    array_agg((payer + 1 + floor(random() * (:wallets::int - 1))::int) % :wallets::int),
    array_agg(1::bigint))
FROM (SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint), 14, '0')
        || lpad(to_hex(:client_id::int), 4, '0') AS prefix) AS now,
    (SELECT number, floor(random() * :wallets::int)::int AS payer
        FROM generate_series(1, :batch::int) AS number) AS drawn;
