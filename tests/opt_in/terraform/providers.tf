# The provider twice, once for each region: the region is a setting of the provider, not of a vault.

terraform {
  required_providers {
    alicloud = {
      source = "aliyun/alicloud"
    }
  }
}

variable "endpoint" {
  description = "Host and port of the emulator, or a host name of the service that is reached by a proxy."
  type        = string
}

variable "remote_endpoint" {
  description = "The same for the mirror's region, if it is another one."
  type        = string
  default     = null
}

variable "remote_region" {
  type    = string
  default = "cn-shanghai"
}

variable "access_key" {
  type    = string
  default = "test"
}

variable "secret_key" {
  type    = string
  default = "test"
}

variable "security_token" {
  type    = string
  default = null
}

provider "alicloud" {
  region         = "cn-hangzhou"
  access_key     = var.access_key
  secret_key     = var.secret_key
  security_token = var.security_token

  # These three are what it takes to reach a service on this machine.
  protocol               = "HTTP"
  skip_region_validation = true
  endpoints {
    hbr = var.endpoint
  }

  # Otherwise the billing service is asked for it.
  account_type = "Domestic"
}

provider "alicloud" {
  alias          = "remote"
  region         = var.remote_region
  access_key     = var.access_key
  secret_key     = var.secret_key
  security_token = var.security_token

  account_type           = "Domestic"
  protocol               = "HTTP"
  skip_region_validation = true
  endpoints {
    hbr = coalesce(var.remote_endpoint, var.endpoint)
  }
}
