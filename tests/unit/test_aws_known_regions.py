"""The regions that the configuration accepts are those that botocore has endpoints for."""

from botocore.session import Session

from agents.aws.known_regions import REGIONS


def test_every_region_of_botocore_is_known() -> None:
    loader = Session().get_component("data_loader")
    for document in ("partitions", "endpoints"):
        for partition in loader.load_data(document)["partitions"]:
            regions = {name for name in partition["regions"] if not name.endswith("-global")}
            assert regions
            assert regions <= REGIONS, document
