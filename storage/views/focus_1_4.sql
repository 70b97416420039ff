CREATE VIEW reporting.focus_1_4 AS
SELECT f.details ->> 'AllocatedMethodDetails' AS "AllocatedMethodDetails",
       f.details ->> 'AllocatedMethodId' AS "AllocatedMethodId",
       f.details ->> 'AllocatedResourceId' AS "AllocatedResourceId",
       f.details ->> 'AllocatedResourceName' AS "AllocatedResourceName",
       f.details ->> 'AllocatedTags' AS "AllocatedTags",
       nullif(f.availability_zone, '') AS "AvailabilityZone",
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
       f.details ->> 'CommitmentProgramEligibilityDetails' AS "CommitmentProgramEligibilityDetails",
       CASE WHEN f.consumed THEN f.consumed_quantity END AS "ConsumedQuantity",
       CASE WHEN f.consumed THEN f.consumed_unit END AS "ConsumedUnit",
       f.details ->> 'ContractApplied' AS "ContractApplied",
       f.contracted_cost AS "ContractedCost",
       f.effective_cost AS "EffectiveCost",
       f.details ->> 'HostProviderName' AS "HostProviderName",
       f.details ->> 'InvoiceDetailId' AS "InvoiceDetailId",
       nullif(f.invoice_id, '') AS "InvoiceId",
       coalesce(f.details ->> 'InvoiceIssuerName', f.provider_name) AS "InvoiceIssuerName",
       f.list_cost AS "ListCost",
       f.pricing_category AS "PricingCategory",
       CASE WHEN f.priced THEN f.pricing_quantity END AS "PricingQuantity",
       CASE WHEN f.priced THEN f.pricing_unit END AS "PricingUnit",
       nullif(f.region_id, '') AS "RegionId",
       CASE WHEN f.region_id <> '' THEN f.details ->> 'RegionName' END AS "RegionName",
       nullif(f.resource_id, '') AS "ResourceId",
       CASE WHEN f.resource_id <> '' THEN f.details ->> 'ResourceName' END AS "ResourceName",
       CASE WHEN f.resource_id <> '' THEN f.details ->> 'ResourceType' END AS "ResourceType",
       f.category AS "ServiceCategory",
       nullif(f.service_name, '') AS "ServiceName",
       f.provider_name AS "ServiceProviderName",
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
       nullif(f.details - ARRAY['AllocatedMethodDetails', 'AllocatedMethodId', 'AllocatedResourceId',
           'AllocatedResourceName', 'AllocatedTags', 'BillingAccountId', 'BillingAccountName',
           'CapacityReservationId', 'CommitmentProgramEligibilityDetails', 'ContractApplied',
           'HostProviderName', 'InvoiceDetailId', 'InvoiceIssuerName', 'ServiceProviderName'], '{}') AS "x_Details",
       f.effective_basis AS "x_EffectiveCostBasis",
       f.estimated AS "x_Estimated",
       f.lines AS "x_Lines",
       f.list_basis AS "x_ListCostBasis",
       f.provider AS "x_Provider",
       f.run_id::text AS "x_RunId",
       CASE WHEN f.category IS DISTINCT FROM f.service_category
           THEN coalesce(nullif(f.service_category, ''), 'unknown') END AS "x_ServiceCategoryBasis"
  FROM :focus_charges AS f;

COMMENT ON VIEW reporting.focus_1_4 IS
    'The charges of reporting.costs, as the dataset Cost and Usage of FOCUS 1.4: each once, in its columns by the'
    ' alphabet, then what FOCUS does not have (x_...). What is not known is null; what FOCUS does not let be null'
    ' is filled as the x_...Basis of its column says. Columns of FOCUS that need not be there, and must not be'
    ' null where they are, are left out where most bills do not tell them: docs/focus.md. Name a range of'
    ' ChargePeriodStart.';
COMMENT ON COLUMN reporting.focus_1_4."AllocatedMethodDetails" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."AllocatedMethodId" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."AllocatedResourceId" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."AllocatedResourceName" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."AllocatedTags" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."AvailabilityZone" IS :'in_focus_availability_zone';
COMMENT ON COLUMN reporting.focus_1_4."BilledCost" IS :'in_focus_billed_cost';
COMMENT ON COLUMN reporting.focus_1_4."BillingAccountId" IS :'in_focus_billing_account_id';
COMMENT ON COLUMN reporting.focus_1_4."BillingAccountName" IS :'in_focus_billing_account_name';
COMMENT ON COLUMN reporting.focus_1_4."BillingCurrency" IS :'billing_currency';
COMMENT ON COLUMN reporting.focus_1_4."BillingPeriodEnd" IS :'in_focus_billing_period_end';
COMMENT ON COLUMN reporting.focus_1_4."BillingPeriodStart" IS :'in_focus_billing_period_start';
COMMENT ON COLUMN reporting.focus_1_4."CapacityReservationId" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."CapacityReservationStatus" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."ChargeCategory" IS :'in_focus_charge_category';
COMMENT ON COLUMN reporting.focus_1_4."ChargeClass" IS :'in_focus_charge_class';
COMMENT ON COLUMN reporting.focus_1_4."ChargeDescription" IS :'in_focus_charge_description';
COMMENT ON COLUMN reporting.focus_1_4."ChargeFrequency" IS :'in_focus_charge_frequency';
COMMENT ON COLUMN reporting.focus_1_4."ChargePeriodEnd" IS :'charge_period_end';
COMMENT ON COLUMN reporting.focus_1_4."ChargePeriodStart" IS :'charge_period_start';
COMMENT ON COLUMN reporting.focus_1_4."CommitmentDiscountCategory" IS :'in_focus_commitment_discount_category';
COMMENT ON COLUMN reporting.focus_1_4."CommitmentDiscountId" IS :'in_focus_commitment_discount_id';
COMMENT ON COLUMN reporting.focus_1_4."CommitmentDiscountName" IS :'in_focus_charge_description';
COMMENT ON COLUMN reporting.focus_1_4."CommitmentDiscountQuantity" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."CommitmentDiscountStatus" IS :'in_focus_commitment_discount_status';
COMMENT ON COLUMN reporting.focus_1_4."CommitmentDiscountType" IS :'in_focus_commitment_discount_type';
COMMENT ON COLUMN reporting.focus_1_4."CommitmentDiscountUnit" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."CommitmentProgramEligibilityDetails" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."ConsumedQuantity" IS :'in_focus_consumed_quantity';
COMMENT ON COLUMN reporting.focus_1_4."ConsumedUnit" IS :'in_focus_consumed_unit';
COMMENT ON COLUMN reporting.focus_1_4."ContractApplied" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."ContractedCost" IS :'in_focus_contracted_cost';
COMMENT ON COLUMN reporting.focus_1_4."EffectiveCost" IS :'in_focus_effective_cost';
COMMENT ON COLUMN reporting.focus_1_4."HostProviderName" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."InvoiceDetailId" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."InvoiceId" IS :'in_focus_invoice_id';
COMMENT ON COLUMN reporting.focus_1_4."InvoiceIssuerName" IS :'in_focus_invoice_issuer_name';
COMMENT ON COLUMN reporting.focus_1_4."ListCost" IS :'in_focus_list_cost';
COMMENT ON COLUMN reporting.focus_1_4."PricingCategory" IS :'in_focus_pricing_category';
COMMENT ON COLUMN reporting.focus_1_4."PricingQuantity" IS :'in_focus_pricing_quantity';
COMMENT ON COLUMN reporting.focus_1_4."PricingUnit" IS :'in_focus_pricing_unit';
COMMENT ON COLUMN reporting.focus_1_4."RegionId" IS :'in_focus_charge_description';
COMMENT ON COLUMN reporting.focus_1_4."RegionName" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."ResourceId" IS :'in_focus_resource_id';
COMMENT ON COLUMN reporting.focus_1_4."ResourceName" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."ResourceType" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."ServiceCategory" IS :'in_focus_service_category';
COMMENT ON COLUMN reporting.focus_1_4."ServiceName" IS :'in_focus_service_name';
COMMENT ON COLUMN reporting.focus_1_4."ServiceProviderName" IS :'in_focus_provider_name';
COMMENT ON COLUMN reporting.focus_1_4."ServiceSubcategory" IS :'in_focus_service_subcategory';
COMMENT ON COLUMN reporting.focus_1_4."SkuId" IS :'in_focus_sku_id';
COMMENT ON COLUMN reporting.focus_1_4."SkuMeter" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."SkuPriceDetails" IS :'focus_passed_on';
COMMENT ON COLUMN reporting.focus_1_4."SkuPriceId" IS :'in_focus_sku_id';
COMMENT ON COLUMN reporting.focus_1_4."SubAccountId" IS :'in_focus_sub_account_id';
COMMENT ON COLUMN reporting.focus_1_4."SubAccountName" IS :'in_focus_charge_description';
COMMENT ON COLUMN reporting.focus_1_4."SubAccountType" IS :'in_focus_sub_account_type';
COMMENT ON COLUMN reporting.focus_1_4."Tags" IS :'in_focus_tags';
COMMENT ON COLUMN reporting.focus_1_4."x_Account" IS :'asked_account';
COMMENT ON COLUMN reporting.focus_1_4."x_Amounts" IS :'amounts';
COMMENT ON COLUMN reporting.focus_1_4."x_BilledCostBasis" IS :'in_focus_billed_cost_basis';
COMMENT ON COLUMN reporting.focus_1_4."x_BillingAccountIdBasis" IS :'in_focus_billing_account_id_basis';
COMMENT ON COLUMN reporting.focus_1_4."x_BillingPeriodBasis" IS :'in_focus_billing_period_basis';
COMMENT ON COLUMN reporting.focus_1_4."x_ChargeFrequencyBasis" IS :'in_focus_charge_frequency_basis';
COMMENT ON COLUMN reporting.focus_1_4."x_ChargeId" IS :'in_focus_charge_id';
COMMENT ON COLUMN reporting.focus_1_4."x_ChargeType" IS :'charge_type';
COMMENT ON COLUMN reporting.focus_1_4."x_CollectedAt" IS :'collected_at';
COMMENT ON COLUMN reporting.focus_1_4."x_Complete" IS :'in_focus_complete';
COMMENT ON COLUMN reporting.focus_1_4."x_ContractedCostBasis" IS :'in_focus_contracted_cost_basis';
COMMENT ON COLUMN reporting.focus_1_4."x_Details" IS :'in_focus_details';
COMMENT ON COLUMN reporting.focus_1_4."x_EffectiveCostBasis" IS :'in_focus_effective_cost_basis';
COMMENT ON COLUMN reporting.focus_1_4."x_Estimated" IS :'estimated';
COMMENT ON COLUMN reporting.focus_1_4."x_Lines" IS :'provider_lines';
COMMENT ON COLUMN reporting.focus_1_4."x_ListCostBasis" IS :'in_focus_contracted_cost_basis';
COMMENT ON COLUMN reporting.focus_1_4."x_Provider" IS :'provider';
COMMENT ON COLUMN reporting.focus_1_4."x_RunId" IS :'run_id';
COMMENT ON COLUMN reporting.focus_1_4."x_ServiceCategoryBasis" IS :'in_focus_service_category_basis';
