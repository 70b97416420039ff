-- title = "What is bought through a marketplace, by vendor and month"
-- answers = "Which other vendors' software and services are on the bill? Of bills that tell the vendor: lines whose seller or publisher is another one than the cloud, or that the provider calls marketplace."
-- span = "3 months"
-- order = "month, the greatest cost first"
-- slow = "reads every line of the bill of its months, since the summaries of days have no vendor"
-- columns = ["month", "provider", "service_provider", "host_provider", "invoice_issuer", "service_name", "billing_currency", "billed_cost", "effective_cost", "lines", "without_billed_cost"]
-- [meanings]
-- service_provider = "text: FOCUS ServiceProviderName, or who publishes or sells it; null where not told."
-- host_provider = "text: FOCUS HostProviderName (formerly Publisher); null where not told."
-- invoice_issuer = "text: FOCUS InvoiceIssuerName, or the billing entity; null where not told."
SELECT month, provider,
       coalesce(details ->> 'ServiceProviderName', details ->> 'PublisherName', details ->> 'LegalEntity')
           AS service_provider,
       details ->> 'HostProviderName' AS host_provider,
       coalesce(details ->> 'InvoiceIssuerName', details ->> 'BillingEntity') AS invoice_issuer,
       service_name, billing_currency, sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost,
       sum(lines)::bigint AS lines, {without_billed} AS without_billed_cost
  FROM {lines|%(from)s|%(to)s}
 WHERE details ->> 'BillingEntity' ~* 'marketplace'
    OR details ->> 'PublisherType' ~* 'marketplace'
    OR details ->> 'HostProviderName' <> details ->> 'ServiceProviderName'
    OR details ->> 'InvoiceIssuerName' <> details ->> 'ServiceProviderName'
 GROUP BY 1, 2, 3, 4, 5, 6, 7
 ORDER BY 1, sum(billed_cost) DESC NULLS LAST, 2, 3 NULLS LAST, 4 NULLS LAST, 5 NULLS LAST, 6, 7
