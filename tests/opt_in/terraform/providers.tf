# The provider twice, once for each region: the region is a setting of the provider, not of a vault.

terraform {
  required_providers {
    alicloud = {
      source = "aliyun/alicloud"
    }
  }
}

variable "endpoint" {
  description = "Host and port of the emulator."
  type        = string
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
}

provider "alicloud" {
  alias          = "remote"
  region         = "cn-shanghai"
  access_key     = var.access_key
  secret_key     = var.secret_key
  security_token = var.security_token

  protocol               = "HTTP"
  skip_region_validation = true
  endpoints {
    hbr = var.endpoint
  }
}
