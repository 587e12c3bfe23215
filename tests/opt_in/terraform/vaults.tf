# A vault, its mirror in another region, and what the data sources tell about them.

variable "vault" {
  type = object({
    name           = optional(string, "orders")
    description    = optional(string, "Orders of the shop")
    tags           = optional(map(string), { team = "shop", "cost centre" = "4711/é *~" })
    encrypt_type   = optional(string)
    kms_key_id     = optional(string)
    worm_enabled   = optional(bool)
    resource_group = optional(string)
  })
  default = {}
}

variable "mirror" {
  type = object({
    name         = optional(string, "orders-dr")
    description  = optional(string, "Copy of orders")
    encrypt_type = optional(string)
    kms_key_id   = optional(string)
  })
  default = {}
}

resource "alicloud_hbr_vault" "orders" {
  vault_name        = var.vault.name
  description       = var.vault.description
  tags              = var.vault.tags
  encrypt_type      = var.vault.encrypt_type
  kms_key_id        = var.vault.kms_key_id
  worm_enabled      = var.vault.worm_enabled
  resource_group_id = var.vault.resource_group
}

resource "alicloud_hbr_replication_vault" "orders_dr" {
  provider                     = alicloud.remote
  vault_name                   = var.mirror.name
  description                  = var.mirror.description
  encrypt_type                 = var.mirror.encrypt_type
  kms_key_id                   = var.mirror.kms_key_id
  replication_source_region_id = alicloud_hbr_vault.orders.region_id
  replication_source_vault_id  = alicloud_hbr_vault.orders.id
}

data "alicloud_hbr_vaults" "local" {
  name_regex = "^orders"
  depends_on = [alicloud_hbr_replication_vault.orders_dr]
}

data "alicloud_hbr_vaults" "remote" {
  provider   = alicloud.remote
  ids        = [alicloud_hbr_replication_vault.orders_dr.id]
  depends_on = [alicloud_hbr_replication_vault.orders_dr]
}

data "alicloud_hbr_replication_vault_regions" "all" {}

output "vaults" {
  value = {
    for vault in concat(data.alicloud_hbr_vaults.local.vaults, data.alicloud_hbr_vaults.remote.vaults) :
    vault.vault_name => {
      id      = vault.id
      source  = vault.replication_source_vault_id
      mirror  = vault.replication
      message = vault.vault_status_message
    }
  }
}

output "replication_regions" {
  value = data.alicloud_hbr_replication_vault_regions.all.regions[*].replication_region_id
}
