"""The regions of the service, as data: which exist, which have zone-redundant storage, which take mirrors.

Source: reference section 5.2. The list of regions that take mirrors is not known there; the one here is an assumption.
"""

import re

REGIONS = {
    "cn-qingdao": "China (Qingdao)",
    "cn-beijing": "China (Beijing)",
    "cn-zhangjiakou": "China (Zhangjiakou)",
    "cn-huhehaote": "China (Hohhot)",
    "cn-wulanchabu": "China (Ulanqab)",
    "cn-hangzhou": "China (Hangzhou)",
    "cn-shanghai": "China (Shanghai)",
    "cn-shenzhen": "China (Shenzhen)",
    "cn-heyuan": "China (Heyuan)",
    "cn-guangzhou": "China (Guangzhou)",
    "cn-chengdu": "China (Chengdu)",
    "cn-hongkong": "China (Hong Kong)",
    "ap-southeast-1": "Singapore",
    "ap-southeast-3": "Malaysia (Kuala Lumpur)",
    "ap-southeast-5": "Indonesia (Jakarta)",
    "ap-southeast-6": "Philippines (Manila)",
    "ap-southeast-7": "Thailand (Bangkok)",
    "ap-northeast-1": "Japan (Tokyo)",
    "ap-northeast-2": "South Korea (Seoul)",
    "eu-central-1": "Germany (Frankfurt)",
    "eu-west-1": "UK (London)",
    "us-west-1": "US (Silicon Valley)",
    "us-east-1": "US (Virginia)",
    "me-east-1": "UAE (Dubai)",
    "me-central-1": "SAU (Riyadh - Partner Region)",
}
"""Display name by region id (section 5.2, table)."""

ZONE_REDUNDANT_REGIONS = frozenset(
    {
        "cn-hangzhou",
        "cn-shanghai",
        "cn-beijing",
        "cn-zhangjiakou",
        "cn-wulanchabu",
        "cn-shenzhen",
        "cn-hongkong",
        "ap-northeast-1",
        "ap-southeast-1",
        "ap-southeast-5",
        "eu-central-1",
    }
)
"""Where vaults are ZRS unless LRS is asked for (section 5.2, ZRS regions)."""

REPLICATION_REGIONS = tuple(region for region in REGIONS if not region.startswith("me-"))
"""Where mirrors can be created: assumed to be all but the two regions whose names are unverified."""

_REGIONAL_HOST = re.compile(r"hbr(?:-vpc)?\.([a-z0-9-]+)\.aliyuncs\.com(?::\d+)?", re.IGNORECASE)


def region_of_host(host: str) -> str | None:
    """Return the region that an endpoint's host name names (section 8.2), or None for any other host."""
    match = _REGIONAL_HOST.fullmatch(host.strip())
    return match.group(1).lower() if match else None
