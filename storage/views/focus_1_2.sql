CREATE VIEW reporting.focus_1_2 AS
SELECT nullif(f.availability_zone, '') AS "AvailabilityZone",
       f.billed_cost AS "BilledCost",
       coalesce(f.details ->> 'BillingAccountId', f.details ->> 'PayerAccountId', f.account) AS "BillingAccountId",
       CASE WHEN f.details ?| ARRAY['BillingAccountId', 'PayerAccountId']
           THEN f.details ->> 'BillingAccountName'
           ELSE f.account END AS "BillingAccountName",
       f.billing_currency AS "BillingCurrency",
       f.billing_period_end AS "BillingPeriodEnd",
       f.billing_period_start AS "BillingPeriodStart",
       f.details ->> 'CapacityReservationId' AS "CapacityReservationId",
       CASE WHEN f.details ? 'CapacityReservationId'
           THEN substring(initcap(f.details ->> 'CapacityReservationStatus')
               FROM '^(Unused|Used)$') END AS "CapacityReservationStatus",
       nullif(f.charge_category, '') AS "ChargeCategory",
       CASE WHEN lower(f.charge_class) = 'correction' THEN 'Correction' END AS "ChargeClass",
       nullif(f.charge_description, '') AS "ChargeDescription",
       coalesce(f.told_frequency, f.frequency) AS "ChargeFrequency",
       f.charge_period_end AS "ChargePeriodEnd",
       f.charge_period_start AS "ChargePeriodStart",
       f.commitment_category AS "CommitmentDiscountCategory",
       nullif(f.commitment_discount_id, '') AS "CommitmentDiscountId",
       CASE WHEN f.commitment_discount_id <> ''
           THEN coalesce(f.details ->> 'CommitmentDiscountName', f.details ->> 'BenefitName',
           f.details ->> 'ReservationName') END AS "CommitmentDiscountName",
       CASE WHEN f.details ? 'CommitmentDiscountUnit'
           THEN (f.amounts ->> 'CommitmentDiscountQuantity')::numeric END AS "CommitmentDiscountQuantity",
       CASE WHEN f.commitment_discount_id <> ''
           THEN substring(initcap(f.commitment_discount_status)
               FROM '^(Unused|Used)$') END AS "CommitmentDiscountStatus",
       CASE WHEN f.commitment_discount_id <> ''
           THEN nullif(f.commitment_discount_type, '') END AS "CommitmentDiscountType",
       CASE WHEN f.amounts ? 'CommitmentDiscountQuantity'
           THEN f.details ->> 'CommitmentDiscountUnit' END AS "CommitmentDiscountUnit",
       CASE WHEN f.consumed THEN f.consumed_quantity END AS "ConsumedQuantity",
       CASE WHEN f.consumed THEN f.consumed_unit END AS "ConsumedUnit",
       f.contracted_cost AS "ContractedCost",
       f.effective_cost AS "EffectiveCost",
       nullif(f.invoice_id, '') AS "InvoiceId",
       coalesce(f.details ->> 'InvoiceIssuerName', f.provider_name) AS "InvoiceIssuerName",
       f.list_cost AS "ListCost",
       f.pricing_category AS "PricingCategory",
       CASE WHEN f.priced THEN f.pricing_quantity END AS "PricingQuantity",
       CASE WHEN f.priced THEN f.pricing_unit END AS "PricingUnit",
       f.provider_name AS "ProviderName",
       coalesce(f.details ->> 'PublisherName', f.details ->> 'HostProviderName', f.details ->> 'seller_name',
           f.provider_name) AS "PublisherName",
       nullif(f.region_id, '') AS "RegionId",
       CASE WHEN f.region_id <> '' THEN f.details ->> 'RegionName' END AS "RegionName",
       nullif(f.resource_id, '') AS "ResourceId",
       CASE WHEN f.resource_id <> '' THEN f.details ->> 'ResourceName' END AS "ResourceName",
       CASE WHEN f.resource_id <> '' THEN f.details ->> 'ResourceType' END AS "ResourceType",
       f.category AS "ServiceCategory",
       nullif(f.service_name, '') AS "ServiceName",
       CASE WHEN (f.category || '/' || (f.details ->> 'ServiceSubcategory')) = ANY (:focus_subcategories)
           THEN f.details ->> 'ServiceSubcategory'
           ELSE 'Other (' || f.category || ')' END AS "ServiceSubcategory",
       CASE WHEN NOT f.is_tax THEN nullif(f.sku_id, '') END AS "SkuId",
       CASE WHEN f.sku_id <> '' AND NOT f.is_tax THEN f.details ->> 'SkuMeter' END AS "SkuMeter",
       CASE WHEN f.sku_price_id <> '' AND NOT f.is_tax THEN f.details ->> 'SkuPriceDetails' END AS "SkuPriceDetails",
       CASE WHEN NOT f.is_tax THEN nullif(f.sku_price_id, '') END AS "SkuPriceId",
       nullif(f.sub_account_id, '') AS "SubAccountId",
       CASE WHEN f.sub_account_id <> '' THEN nullif(f.sub_account_name, '') END AS "SubAccountName",
       CASE WHEN f.sub_account_id <> ''
           THEN coalesce(f.details ->> 'SubAccountType', f.sub_account_type) END AS "SubAccountType",
       nullif(f.tags, '{}') AS "Tags",
       f.account AS "x_Account",
       nullif(f.amounts, '{}') AS "x_Amounts",
       f.billed_basis AS "x_BilledCostBasis",
       CASE WHEN NOT f.details ?| ARRAY['BillingAccountId', 'PayerAccountId']
           THEN 'configuration' END AS "x_BillingAccountIdBasis",
       CASE WHEN NOT f.billing_period_told THEN 'ChargePeriodStart' END AS "x_BillingPeriodBasis",
       CASE WHEN f.told_frequency IS NULL AND f.frequency IS NOT NULL
           THEN 'ChargeCategory' END AS "x_ChargeFrequencyBasis",
       f.charge_id AS "x_ChargeId",
       nullif(f.charge_type, '') AS "x_ChargeType",
       f.collected_at AS "x_CollectedAt",
       f.partial = '' AS "x_Complete",
       f.contracted_basis AS "x_ContractedCostBasis",
       nullif(f.details - ARRAY['BillingAccountId', 'BillingAccountName', 'CapacityReservationId',
           'HostProviderName', 'InvoiceIssuerName', 'PublisherName', 'ServiceProviderName'], '{}') AS "x_Details",
       f.effective_basis AS "x_EffectiveCostBasis",
       f.estimated AS "x_Estimated",
       f.lines AS "x_Lines",
       f.list_basis AS "x_ListCostBasis",
       f.provider AS "x_Provider",
       CASE WHEN NOT f.details ?| ARRAY['PublisherName', 'HostProviderName', 'seller_name']
           THEN 'ProviderName' END AS "x_PublisherNameBasis",
       f.run_id::text AS "x_RunId",
       CASE WHEN f.category IS DISTINCT FROM f.service_category
           THEN coalesce(nullif(f.service_category, ''), 'unknown') END AS "x_ServiceCategoryBasis"
  FROM :focus_charges AS f;

COMMENT ON VIEW reporting.focus_1_2 IS
    'The charges of reporting.costs, as the dataset Cost and Usage of FOCUS 1.2: each once, in its columns by the'
    ' alphabet, then what FOCUS does not have (x_...). What is not known is null; what FOCUS does not let be null'
    ' is filled as the x_...Basis of its column says. Columns of FOCUS that need not be there, and must not be'
    ' null where they are, are left out where most bills do not tell them: docs/focus.md. Name a range of'
    ' ChargePeriodStart.';
COMMENT ON COLUMN reporting.focus_1_2."AvailabilityZone" IS :'in_focus_availability_zone';
COMMENT ON COLUMN reporting.focus_1_2."BilledCost" IS :'in_focus_billed_cost';
COMMENT ON COLUMN reporting.focus_1_2."BillingAccountId" IS :'in_focus_billing_account_id';
COMMENT ON COLUMN reporting.focus_1_2."BillingAccountName" IS :'in_focus_billing_account_name';
COMMENT ON COLUMN reporting.focus_1_2."BillingCurrency" IS :'billing_currency';
COMMENT ON COLUMN reporting.focus_1_2."BillingPeriodEnd" IS :'in_focus_billing_period_end';
COMMENT ON COLUMN reporting.focus_1_2."BillingPeriodStart" IS :'in_focus_billing_period_start';
COMMENT ON COLUMN reporting.focus_1_2."CapacityReservationId" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_2."CapacityReservationStatus" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_2."ChargeCategory" IS :'in_focus_charge_category';
COMMENT ON COLUMN reporting.focus_1_2."ChargeClass" IS :'in_focus_charge_class';
COMMENT ON COLUMN reporting.focus_1_2."ChargeDescription" IS :'in_focus_charge_description';
COMMENT ON COLUMN reporting.focus_1_2."ChargeFrequency" IS :'in_focus_charge_frequency';
COMMENT ON COLUMN reporting.focus_1_2."ChargePeriodEnd" IS :'charge_period_end';
COMMENT ON COLUMN reporting.focus_1_2."ChargePeriodStart" IS :'charge_period_start';
COMMENT ON COLUMN reporting.focus_1_2."CommitmentDiscountCategory" IS :'in_focus_commitment_discount_category';
COMMENT ON COLUMN reporting.focus_1_2."CommitmentDiscountId" IS :'in_focus_commitment_discount_id';
COMMENT ON COLUMN reporting.focus_1_2."CommitmentDiscountName" IS :'in_focus_charge_description';
COMMENT ON COLUMN reporting.focus_1_2."CommitmentDiscountQuantity" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_2."CommitmentDiscountStatus" IS :'in_focus_commitment_discount_status';
COMMENT ON COLUMN reporting.focus_1_2."CommitmentDiscountType" IS :'in_focus_commitment_discount_type';
COMMENT ON COLUMN reporting.focus_1_2."CommitmentDiscountUnit" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_2."ConsumedQuantity" IS :'in_focus_consumed_quantity';
COMMENT ON COLUMN reporting.focus_1_2."ConsumedUnit" IS :'in_focus_consumed_unit';
COMMENT ON COLUMN reporting.focus_1_2."ContractedCost" IS :'in_focus_contracted_cost';
COMMENT ON COLUMN reporting.focus_1_2."EffectiveCost" IS :'in_focus_effective_cost';
COMMENT ON COLUMN reporting.focus_1_2."InvoiceId" IS :'in_focus_invoice_id';
COMMENT ON COLUMN reporting.focus_1_2."InvoiceIssuerName" IS :'in_focus_invoice_issuer_name';
COMMENT ON COLUMN reporting.focus_1_2."ListCost" IS :'in_focus_list_cost';
COMMENT ON COLUMN reporting.focus_1_2."PricingCategory" IS :'in_focus_pricing_category';
COMMENT ON COLUMN reporting.focus_1_2."PricingQuantity" IS :'in_focus_pricing_quantity';
COMMENT ON COLUMN reporting.focus_1_2."PricingUnit" IS :'in_focus_pricing_unit';
COMMENT ON COLUMN reporting.focus_1_2."ProviderName" IS :'in_focus_provider_name';
COMMENT ON COLUMN reporting.focus_1_2."PublisherName" IS
    'Who made what was charged. Where the bill does not tell it, the provider: see "x_PublisherNameBasis".';
COMMENT ON COLUMN reporting.focus_1_2."RegionId" IS :'in_focus_charge_description';
COMMENT ON COLUMN reporting.focus_1_2."RegionName" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_2."ResourceId" IS :'in_focus_resource_id';
COMMENT ON COLUMN reporting.focus_1_2."ResourceName" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_2."ResourceType" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_2."ServiceCategory" IS :'in_focus_service_category';
COMMENT ON COLUMN reporting.focus_1_2."ServiceName" IS :'in_focus_service_name';
COMMENT ON COLUMN reporting.focus_1_2."ServiceSubcategory" IS :'in_focus_service_subcategory';
COMMENT ON COLUMN reporting.focus_1_2."SkuId" IS :'in_focus_sku_id';
COMMENT ON COLUMN reporting.focus_1_2."SkuMeter" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_2."SkuPriceDetails" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_2."SkuPriceId" IS :'in_focus_sku_id';
COMMENT ON COLUMN reporting.focus_1_2."SubAccountId" IS :'in_focus_sub_account_id';
COMMENT ON COLUMN reporting.focus_1_2."SubAccountName" IS :'in_focus_charge_description';
COMMENT ON COLUMN reporting.focus_1_2."SubAccountType" IS :'in_focus_sub_account_type';
COMMENT ON COLUMN reporting.focus_1_2."Tags" IS :'in_focus_tags';
COMMENT ON COLUMN reporting.focus_1_2."x_Account" IS :'asked_account';
COMMENT ON COLUMN reporting.focus_1_2."x_Amounts" IS :'amounts';
COMMENT ON COLUMN reporting.focus_1_2."x_BilledCostBasis" IS :'in_focus_billed_cost_basis';
COMMENT ON COLUMN reporting.focus_1_2."x_BillingAccountIdBasis" IS :'in_focus_billing_account_id_basis';
COMMENT ON COLUMN reporting.focus_1_2."x_BillingPeriodBasis" IS :'in_focus_billing_period_basis';
COMMENT ON COLUMN reporting.focus_1_2."x_ChargeFrequencyBasis" IS :'in_focus_charge_frequency_basis';
COMMENT ON COLUMN reporting.focus_1_2."x_ChargeId" IS :'in_focus_charge_id';
COMMENT ON COLUMN reporting.focus_1_2."x_ChargeType" IS :'charge_type';
COMMENT ON COLUMN reporting.focus_1_2."x_CollectedAt" IS :'collected_at';
COMMENT ON COLUMN reporting.focus_1_2."x_Complete" IS :'in_focus_complete';
COMMENT ON COLUMN reporting.focus_1_2."x_ContractedCostBasis" IS :'in_focus_contracted_cost_basis';
COMMENT ON COLUMN reporting.focus_1_2."x_Details" IS :'in_focus_details';
COMMENT ON COLUMN reporting.focus_1_2."x_EffectiveCostBasis" IS :'in_focus_effective_cost_basis';
COMMENT ON COLUMN reporting.focus_1_2."x_Estimated" IS :'estimated';
COMMENT ON COLUMN reporting.focus_1_2."x_Lines" IS :'provider_lines';
COMMENT ON COLUMN reporting.focus_1_2."x_ListCostBasis" IS :'in_focus_contracted_cost_basis';
COMMENT ON COLUMN reporting.focus_1_2."x_Provider" IS :'provider';
COMMENT ON COLUMN reporting.focus_1_2."x_PublisherNameBasis" IS 'Null: told. ProviderName: the provider.';
COMMENT ON COLUMN reporting.focus_1_2."x_RunId" IS :'run_id';
COMMENT ON COLUMN reporting.focus_1_2."x_ServiceCategoryBasis" IS :'in_focus_service_category_basis';
