//! The fields of the Elastic Common Schema 9.4.0: `generated/csv/fields.csv` of <https://github.com/elastic/ecs>.
//!
//! Apache-2.0, Copyright Elasticsearch B.V. One entry is a field set and what is in it; a letter behind
//! a colon is the type, and a keyword or text has none: `l` long, `i` integer, `f` float, `d` double,
//! `b` boolean, `t` date, `a` address. Left out are objects, lists of objects and what is below those,
//! places on the globe, and second forms of a field.

/// The version of the Elastic Common Schema whose fields are written.
pub(super) const VERSION: &str = "9.4.0";

/// By name, as are the fields of each.
pub(super) const FIELD_SETS: &[(&str, &str)] = &[
    ("agent", "build.original ephemeral_id id name type version"),
    (
        "client",
        "address as.number:l as.organization.name bytes:l domain geo.city_name geo.continent_code geo.continent_name geo.country_iso_code geo.country_name geo.name geo.postal_code \
geo.region_iso_code geo.region_name geo.timezone ip:a mac nat.ip:a nat.port:l packets:l port:l registered_domain subdomain top_level_domain user.domain user.email \
user.full_name user.group.domain user.group.id user.group.name user.hash user.id user.name user.roles",
    ),
    (
        "cloud",
        "account.id account.name availability_zone entity.attributes.known_redirects entity.attributes.managed:b entity.attributes.mfa_enabled:b \
entity.attributes.oauth_consent_restriction entity.attributes.permissions entity.attributes.storage_class entity.display_name entity.id entity.last_seen_timestamp:t \
entity.lifecycle.last_activity:t entity.name entity.reference entity.relationships.administers.entity.id entity.relationships.administers.host.id \
entity.relationships.administers.host.name entity.relationships.administers.service.id entity.relationships.administers.service.name \
entity.relationships.administers.user.domain entity.relationships.administers.user.email entity.relationships.administers.user.id \
entity.relationships.administers.user.name entity.relationships.depends_on.entity.id entity.relationships.depends_on.host.id entity.relationships.depends_on.host.name \
entity.relationships.depends_on.service.id entity.relationships.depends_on.service.name entity.relationships.depends_on.user.domain \
entity.relationships.depends_on.user.email entity.relationships.depends_on.user.id entity.relationships.depends_on.user.name entity.relationships.owns.entity.id \
entity.relationships.owns.host.id entity.relationships.owns.host.name entity.relationships.owns.service.id entity.relationships.owns.service.name \
entity.relationships.owns.user.domain entity.relationships.owns.user.email entity.relationships.owns.user.id entity.relationships.owns.user.name \
entity.relationships.supervises.entity.id entity.relationships.supervises.host.id entity.relationships.supervises.host.name entity.relationships.supervises.service.id \
entity.relationships.supervises.service.name entity.relationships.supervises.user.domain entity.relationships.supervises.user.email \
entity.relationships.supervises.user.id entity.relationships.supervises.user.name entity.source entity.sub_type entity.type instance.id instance.name machine.type \
origin.account.id origin.account.name origin.availability_zone origin.entity.attributes.known_redirects origin.entity.attributes.managed:b \
origin.entity.attributes.mfa_enabled:b origin.entity.attributes.oauth_consent_restriction origin.entity.attributes.permissions origin.entity.attributes.storage_class \
origin.entity.display_name origin.entity.id origin.entity.last_seen_timestamp:t origin.entity.lifecycle.last_activity:t origin.entity.name origin.entity.reference \
origin.entity.relationships.administers.entity.id origin.entity.relationships.administers.host.id origin.entity.relationships.administers.host.name \
origin.entity.relationships.administers.service.id origin.entity.relationships.administers.service.name origin.entity.relationships.administers.user.domain \
origin.entity.relationships.administers.user.email origin.entity.relationships.administers.user.id origin.entity.relationships.administers.user.name \
origin.entity.relationships.depends_on.entity.id origin.entity.relationships.depends_on.host.id origin.entity.relationships.depends_on.host.name \
origin.entity.relationships.depends_on.service.id origin.entity.relationships.depends_on.service.name origin.entity.relationships.depends_on.user.domain \
origin.entity.relationships.depends_on.user.email origin.entity.relationships.depends_on.user.id origin.entity.relationships.depends_on.user.name \
origin.entity.relationships.owns.entity.id origin.entity.relationships.owns.host.id origin.entity.relationships.owns.host.name origin.entity.relationships.owns.service.id \
origin.entity.relationships.owns.service.name origin.entity.relationships.owns.user.domain origin.entity.relationships.owns.user.email \
origin.entity.relationships.owns.user.id origin.entity.relationships.owns.user.name origin.entity.relationships.supervises.entity.id \
origin.entity.relationships.supervises.host.id origin.entity.relationships.supervises.host.name origin.entity.relationships.supervises.service.id \
origin.entity.relationships.supervises.service.name origin.entity.relationships.supervises.user.domain origin.entity.relationships.supervises.user.email \
origin.entity.relationships.supervises.user.id origin.entity.relationships.supervises.user.name origin.entity.source origin.entity.sub_type origin.entity.type \
origin.instance.id origin.instance.name origin.machine.type origin.project.id origin.project.name origin.provider origin.region origin.service.name project.id \
project.name provider region service.name target.account.id target.account.name target.availability_zone target.entity.attributes.known_redirects \
target.entity.attributes.managed:b target.entity.attributes.mfa_enabled:b target.entity.attributes.oauth_consent_restriction target.entity.attributes.permissions \
target.entity.attributes.storage_class target.entity.display_name target.entity.id target.entity.last_seen_timestamp:t target.entity.lifecycle.last_activity:t \
target.entity.name target.entity.reference target.entity.relationships.administers.entity.id target.entity.relationships.administers.host.id \
target.entity.relationships.administers.host.name target.entity.relationships.administers.service.id target.entity.relationships.administers.service.name \
target.entity.relationships.administers.user.domain target.entity.relationships.administers.user.email target.entity.relationships.administers.user.id \
target.entity.relationships.administers.user.name target.entity.relationships.depends_on.entity.id target.entity.relationships.depends_on.host.id \
target.entity.relationships.depends_on.host.name target.entity.relationships.depends_on.service.id target.entity.relationships.depends_on.service.name \
target.entity.relationships.depends_on.user.domain target.entity.relationships.depends_on.user.email target.entity.relationships.depends_on.user.id \
target.entity.relationships.depends_on.user.name target.entity.relationships.owns.entity.id target.entity.relationships.owns.host.id \
target.entity.relationships.owns.host.name target.entity.relationships.owns.service.id target.entity.relationships.owns.service.name \
target.entity.relationships.owns.user.domain target.entity.relationships.owns.user.email target.entity.relationships.owns.user.id \
target.entity.relationships.owns.user.name target.entity.relationships.supervises.entity.id target.entity.relationships.supervises.host.id \
target.entity.relationships.supervises.host.name target.entity.relationships.supervises.service.id target.entity.relationships.supervises.service.name \
target.entity.relationships.supervises.user.domain target.entity.relationships.supervises.user.email target.entity.relationships.supervises.user.id \
target.entity.relationships.supervises.user.name target.entity.source target.entity.sub_type target.entity.type target.instance.id target.instance.name \
target.machine.type target.project.id target.project.name target.provider target.region target.service.name",
    ),
    (
        "container",
        "cpu.usage:d disk.read.bytes:l disk.write.bytes:l id image.hash.all image.name image.tag memory.usage:d name network.egress.bytes:l network.ingress.bytes:l runtime \
security_context.privileged:b",
    ),
    ("data_stream", "dataset namespace type"),
    (
        "destination",
        "address as.number:l as.organization.name bytes:l domain geo.city_name geo.continent_code geo.continent_name geo.country_iso_code geo.country_name geo.name geo.postal_code \
geo.region_iso_code geo.region_name geo.timezone ip:a mac nat.ip:a nat.port:l packets:l port:l registered_domain subdomain top_level_domain user.domain user.email \
user.full_name user.group.domain user.group.id user.group.name user.hash user.id user.name user.roles",
    ),
    (
        "device",
        "id manufacturer model.identifier model.name product.id product.name serial_number type vendor.id vendor.name",
    ),
    (
        "dll",
        "code_signature.digest_algorithm code_signature.exists:b code_signature.flags code_signature.signing_id code_signature.status code_signature.subject_name \
code_signature.team_id code_signature.thumbprint_sha256 code_signature.timestamp:t code_signature.trusted:b code_signature.valid:b hash.cdhash hash.md5 hash.sha1 \
hash.sha256 hash.sha384 hash.sha512 hash.ssdeep hash.tlsh name origin_referrer_url origin_url path pe.architecture pe.company pe.description pe.file_version \
pe.go_import_hash pe.go_imports_names_entropy:l pe.go_imports_names_var_entropy:l pe.go_stripped:b pe.imphash pe.import_hash pe.imports_names_entropy:l \
pe.imports_names_var_entropy:l pe.original_file_name pe.pehash pe.product",
    ),
    (
        "dns",
        "answers.class answers.data answers.name answers.ttl:l answers.type header_flags id op_code question.class question.name question.registered_domain question.subdomain \
question.top_level_domain question.type resolved_ip:a response_code type",
    ),
    ("ecs", "version"),
    (
        "email",
        "bcc.address cc.address content_type delivery_timestamp:t direction from.address local_id message_id origination_timestamp:t reply_to.address sender.address subject \
to.address x_mailer",
    ),
    (
        "entity",
        "attributes.known_redirects attributes.managed:b attributes.mfa_enabled:b attributes.oauth_consent_restriction attributes.permissions attributes.storage_class display_name \
id last_seen_timestamp:t lifecycle.last_activity:t name reference relationships.administers.entity.id relationships.administers.host.id \
relationships.administers.host.name relationships.administers.service.id relationships.administers.service.name relationships.administers.user.domain \
relationships.administers.user.email relationships.administers.user.id relationships.administers.user.name relationships.depends_on.entity.id \
relationships.depends_on.host.id relationships.depends_on.host.name relationships.depends_on.service.id relationships.depends_on.service.name \
relationships.depends_on.user.domain relationships.depends_on.user.email relationships.depends_on.user.id relationships.depends_on.user.name relationships.owns.entity.id \
relationships.owns.host.id relationships.owns.host.name relationships.owns.service.id relationships.owns.service.name relationships.owns.user.domain \
relationships.owns.user.email relationships.owns.user.id relationships.owns.user.name relationships.supervises.entity.id relationships.supervises.host.id \
relationships.supervises.host.name relationships.supervises.service.id relationships.supervises.service.name relationships.supervises.user.domain \
relationships.supervises.user.email relationships.supervises.user.id relationships.supervises.user.name source sub_type target.attributes.known_redirects \
target.attributes.managed:b target.attributes.mfa_enabled:b target.attributes.oauth_consent_restriction target.attributes.permissions target.attributes.storage_class \
target.display_name target.id target.last_seen_timestamp:t target.lifecycle.last_activity:t target.name target.reference target.relationships.administers.entity.id \
target.relationships.administers.host.id target.relationships.administers.host.name target.relationships.administers.service.id \
target.relationships.administers.service.name target.relationships.administers.user.domain target.relationships.administers.user.email \
target.relationships.administers.user.id target.relationships.administers.user.name target.relationships.depends_on.entity.id target.relationships.depends_on.host.id \
target.relationships.depends_on.host.name target.relationships.depends_on.service.id target.relationships.depends_on.service.name \
target.relationships.depends_on.user.domain target.relationships.depends_on.user.email target.relationships.depends_on.user.id target.relationships.depends_on.user.name \
target.relationships.owns.entity.id target.relationships.owns.host.id target.relationships.owns.host.name target.relationships.owns.service.id \
target.relationships.owns.service.name target.relationships.owns.user.domain target.relationships.owns.user.email target.relationships.owns.user.id \
target.relationships.owns.user.name target.relationships.supervises.entity.id target.relationships.supervises.host.id target.relationships.supervises.host.name \
target.relationships.supervises.service.id target.relationships.supervises.service.name target.relationships.supervises.user.domain \
target.relationships.supervises.user.email target.relationships.supervises.user.id target.relationships.supervises.user.name target.source target.sub_type target.type \
type",
    ),
    ("error", "code id message stack_trace type"),
    (
        "event",
        "action agent_id_status category code created:t dataset duration:l end:t hash id ingested:t kind module original outcome provider reason reference risk_score:f \
risk_score_norm:f sequence:l severity:l start:t timezone type url",
    ),
    (
        "faas",
        "coldstart:b execution id name trigger.request_id trigger.type version",
    ),
    (
        "file",
        "accessed:t attributes code_signature.digest_algorithm code_signature.exists:b code_signature.flags code_signature.signing_id code_signature.status \
code_signature.subject_name code_signature.team_id code_signature.thumbprint_sha256 code_signature.timestamp:t code_signature.trusted:b code_signature.valid:b created:t \
ctime:t device directory drive_letter elf.architecture elf.byte_order elf.cpu_type elf.creation_date:t elf.go_import_hash elf.go_imports_names_entropy:l \
elf.go_imports_names_var_entropy:l elf.go_stripped:b elf.header.abi_version elf.header.class elf.header.data elf.header.entrypoint:l elf.header.object_version \
elf.header.os_abi elf.header.type elf.header.version elf.import_hash elf.imports_names_entropy:l elf.imports_names_var_entropy:l elf.shared_libraries elf.telfhash \
extension fork_name gid group hash.cdhash hash.md5 hash.sha1 hash.sha256 hash.sha384 hash.sha512 hash.ssdeep hash.tlsh inode macho.go_import_hash \
macho.go_imports_names_entropy:l macho.go_imports_names_var_entropy:l macho.go_stripped:b macho.import_hash macho.imports_names_entropy:l \
macho.imports_names_var_entropy:l macho.symhash mime_type mode mtime:t name origin_referrer_url origin_url owner path pe.architecture pe.company pe.description \
pe.file_version pe.go_import_hash pe.go_imports_names_entropy:l pe.go_imports_names_var_entropy:l pe.go_stripped:b pe.imphash pe.import_hash pe.imports_names_entropy:l \
pe.imports_names_var_entropy:l pe.original_file_name pe.pehash pe.product size:l target_path type uid x509.alternative_names x509.issuer.common_name x509.issuer.country \
x509.issuer.distinguished_name x509.issuer.locality x509.issuer.organization x509.issuer.organizational_unit x509.issuer.state_or_province x509.not_after:t \
x509.not_before:t x509.public_key_algorithm x509.public_key_curve x509.public_key_exponent:l x509.public_key_size:l x509.serial_number x509.signature_algorithm \
x509.subject.common_name x509.subject.country x509.subject.distinguished_name x509.subject.locality x509.subject.organization x509.subject.organizational_unit \
x509.subject.state_or_province x509.version_number",
    ),
    (
        "gen_ai",
        "agent.description agent.id agent.name operation.name output.type request.choice.count:i request.frequency_penalty:d request.max_tokens:i request.model \
request.presence_penalty:d request.seed:i request.temperature:d request.top_k:d request.top_p:d response.id response.model system token.type tool.call.id tool.name \
tool.type usage.input_tokens:i usage.output_tokens:i",
    ),
    ("group", "domain id name"),
    (
        "host",
        "architecture boot.id cpu.usage:d disk.read.bytes:l disk.write.bytes:l domain entity.attributes.known_redirects entity.attributes.managed:b entity.attributes.mfa_enabled:b \
entity.attributes.oauth_consent_restriction entity.attributes.permissions entity.attributes.storage_class entity.display_name entity.id entity.last_seen_timestamp:t \
entity.lifecycle.last_activity:t entity.name entity.reference entity.relationships.administers.entity.id entity.relationships.administers.host.id \
entity.relationships.administers.host.name entity.relationships.administers.service.id entity.relationships.administers.service.name \
entity.relationships.administers.user.domain entity.relationships.administers.user.email entity.relationships.administers.user.id \
entity.relationships.administers.user.name entity.relationships.depends_on.entity.id entity.relationships.depends_on.host.id entity.relationships.depends_on.host.name \
entity.relationships.depends_on.service.id entity.relationships.depends_on.service.name entity.relationships.depends_on.user.domain \
entity.relationships.depends_on.user.email entity.relationships.depends_on.user.id entity.relationships.depends_on.user.name entity.relationships.owns.entity.id \
entity.relationships.owns.host.id entity.relationships.owns.host.name entity.relationships.owns.service.id entity.relationships.owns.service.name \
entity.relationships.owns.user.domain entity.relationships.owns.user.email entity.relationships.owns.user.id entity.relationships.owns.user.name \
entity.relationships.supervises.entity.id entity.relationships.supervises.host.id entity.relationships.supervises.host.name entity.relationships.supervises.service.id \
entity.relationships.supervises.service.name entity.relationships.supervises.user.domain entity.relationships.supervises.user.email \
entity.relationships.supervises.user.id entity.relationships.supervises.user.name entity.source entity.sub_type entity.type geo.city_name geo.continent_code \
geo.continent_name geo.country_iso_code geo.country_name geo.name geo.postal_code geo.region_iso_code geo.region_name geo.timezone hostname id ip:a mac name \
network.egress.bytes:l network.egress.packets:l network.ingress.bytes:l network.ingress.packets:l os.family os.full os.kernel os.name os.platform os.type os.version \
pid_ns_ino risk.calculated_level risk.calculated_score:f risk.calculated_score_norm:f risk.static_level risk.static_score:f risk.static_score_norm:f target.architecture \
target.boot.id target.cpu.usage:d target.disk.read.bytes:l target.disk.write.bytes:l target.domain target.entity.attributes.known_redirects \
target.entity.attributes.managed:b target.entity.attributes.mfa_enabled:b target.entity.attributes.oauth_consent_restriction target.entity.attributes.permissions \
target.entity.attributes.storage_class target.entity.display_name target.entity.id target.entity.last_seen_timestamp:t target.entity.lifecycle.last_activity:t \
target.entity.name target.entity.reference target.entity.relationships.administers.entity.id target.entity.relationships.administers.host.id \
target.entity.relationships.administers.host.name target.entity.relationships.administers.service.id target.entity.relationships.administers.service.name \
target.entity.relationships.administers.user.domain target.entity.relationships.administers.user.email target.entity.relationships.administers.user.id \
target.entity.relationships.administers.user.name target.entity.relationships.depends_on.entity.id target.entity.relationships.depends_on.host.id \
target.entity.relationships.depends_on.host.name target.entity.relationships.depends_on.service.id target.entity.relationships.depends_on.service.name \
target.entity.relationships.depends_on.user.domain target.entity.relationships.depends_on.user.email target.entity.relationships.depends_on.user.id \
target.entity.relationships.depends_on.user.name target.entity.relationships.owns.entity.id target.entity.relationships.owns.host.id \
target.entity.relationships.owns.host.name target.entity.relationships.owns.service.id target.entity.relationships.owns.service.name \
target.entity.relationships.owns.user.domain target.entity.relationships.owns.user.email target.entity.relationships.owns.user.id \
target.entity.relationships.owns.user.name target.entity.relationships.supervises.entity.id target.entity.relationships.supervises.host.id \
target.entity.relationships.supervises.host.name target.entity.relationships.supervises.service.id target.entity.relationships.supervises.service.name \
target.entity.relationships.supervises.user.domain target.entity.relationships.supervises.user.email target.entity.relationships.supervises.user.id \
target.entity.relationships.supervises.user.name target.entity.source target.entity.sub_type target.entity.type target.geo.city_name target.geo.continent_code \
target.geo.continent_name target.geo.country_iso_code target.geo.country_name target.geo.name target.geo.postal_code target.geo.region_iso_code target.geo.region_name \
target.geo.timezone target.hostname target.id target.ip:a target.mac target.name target.network.egress.bytes:l target.network.egress.packets:l \
target.network.ingress.bytes:l target.network.ingress.packets:l target.os.family target.os.full target.os.kernel target.os.name target.os.platform target.os.type \
target.os.version target.pid_ns_ino target.risk.calculated_level target.risk.calculated_score:f target.risk.calculated_score_norm:f target.risk.static_level \
target.risk.static_score:f target.risk.static_score_norm:f target.type target.uptime:l type uptime:l",
    ),
    (
        "http",
        "request.body.bytes:l request.body.content request.bytes:l request.id request.method request.mime_type request.referrer response.body.bytes:l response.body.content \
response.bytes:l response.mime_type response.status_code:l version",
    ),
    (
        "log",
        "file.path level logger origin.file.line:l origin.file.name origin.function syslog.appname syslog.facility.code:l syslog.facility.name syslog.hostname syslog.msgid \
syslog.priority:l syslog.procid syslog.severity.code:l syslog.severity.name syslog.version",
    ),
    (
        "network",
        "application bytes:l community_id direction forwarded_ip:a iana_number inner.vlan.id inner.vlan.name name packets:l protocol transport type vlan.id vlan.name",
    ),
    (
        "observer",
        "egress.interface.alias egress.interface.id egress.interface.name egress.vlan.id egress.vlan.name egress.zone geo.city_name geo.continent_code geo.continent_name \
geo.country_iso_code geo.country_name geo.name geo.postal_code geo.region_iso_code geo.region_name geo.timezone hostname ingress.interface.alias ingress.interface.id \
ingress.interface.name ingress.vlan.id ingress.vlan.name ingress.zone ip:a mac name os.family os.full os.kernel os.name os.platform os.type os.version product \
serial_number type vendor version",
    ),
    (
        "orchestrator",
        "api_version cluster.id cluster.name cluster.url cluster.version entity.attributes.known_redirects entity.attributes.managed:b entity.attributes.mfa_enabled:b \
entity.attributes.oauth_consent_restriction entity.attributes.permissions entity.attributes.storage_class entity.display_name entity.id entity.last_seen_timestamp:t \
entity.lifecycle.last_activity:t entity.name entity.reference entity.relationships.administers.entity.id entity.relationships.administers.host.id \
entity.relationships.administers.host.name entity.relationships.administers.service.id entity.relationships.administers.service.name \
entity.relationships.administers.user.domain entity.relationships.administers.user.email entity.relationships.administers.user.id \
entity.relationships.administers.user.name entity.relationships.depends_on.entity.id entity.relationships.depends_on.host.id entity.relationships.depends_on.host.name \
entity.relationships.depends_on.service.id entity.relationships.depends_on.service.name entity.relationships.depends_on.user.domain \
entity.relationships.depends_on.user.email entity.relationships.depends_on.user.id entity.relationships.depends_on.user.name entity.relationships.owns.entity.id \
entity.relationships.owns.host.id entity.relationships.owns.host.name entity.relationships.owns.service.id entity.relationships.owns.service.name \
entity.relationships.owns.user.domain entity.relationships.owns.user.email entity.relationships.owns.user.id entity.relationships.owns.user.name \
entity.relationships.supervises.entity.id entity.relationships.supervises.host.id entity.relationships.supervises.host.name entity.relationships.supervises.service.id \
entity.relationships.supervises.service.name entity.relationships.supervises.user.domain entity.relationships.supervises.user.email \
entity.relationships.supervises.user.id entity.relationships.supervises.user.name entity.source entity.sub_type entity.type namespace organization resource.annotation \
resource.id resource.ip:a resource.label resource.name resource.parent.type resource.type type",
    ),
    ("organization", "id name"),
    (
        "package",
        "architecture build_version checksum description install_scope installed:t license name path reference size:l type version",
    ),
    (
        "process",
        "args args_count:l code_signature.digest_algorithm code_signature.exists:b code_signature.flags code_signature.signing_id code_signature.status code_signature.subject_name \
code_signature.team_id code_signature.thumbprint_sha256 code_signature.timestamp:t code_signature.trusted:b code_signature.valid:b command_line elf.architecture \
elf.byte_order elf.cpu_type elf.creation_date:t elf.go_import_hash elf.go_imports_names_entropy:l elf.go_imports_names_var_entropy:l elf.go_stripped:b \
elf.header.abi_version elf.header.class elf.header.data elf.header.entrypoint:l elf.header.object_version elf.header.os_abi elf.header.type elf.header.version \
elf.import_hash elf.imports_names_entropy:l elf.imports_names_var_entropy:l elf.shared_libraries elf.telfhash end:t entity_id entry_leader.args entry_leader.args_count:l \
entry_leader.attested_groups.name entry_leader.attested_user.id entry_leader.attested_user.name entry_leader.command_line entry_leader.entity_id \
entry_leader.entry_meta.source.ip:a entry_leader.entry_meta.type entry_leader.executable entry_leader.group.id entry_leader.group.name entry_leader.interactive:b \
entry_leader.name entry_leader.parent.entity_id entry_leader.parent.pid:l entry_leader.parent.session_leader.entity_id entry_leader.parent.session_leader.pid:l \
entry_leader.parent.session_leader.start:t entry_leader.parent.session_leader.vpid:l entry_leader.parent.start:t entry_leader.parent.vpid:l entry_leader.pid:l \
entry_leader.real_group.id entry_leader.real_group.name entry_leader.real_user.id entry_leader.real_user.name entry_leader.same_as_process:b entry_leader.saved_group.id \
entry_leader.saved_group.name entry_leader.saved_user.id entry_leader.saved_user.name entry_leader.start:t entry_leader.supplemental_groups.id \
entry_leader.supplemental_groups.name entry_leader.tty.char_device.major:l entry_leader.tty.char_device.minor:l entry_leader.user.id entry_leader.user.name \
entry_leader.vpid:l entry_leader.working_directory env_vars executable exit_code:l group.id group.name group_leader.args group_leader.args_count:l \
group_leader.command_line group_leader.entity_id group_leader.executable group_leader.group.id group_leader.group.name group_leader.interactive:b group_leader.name \
group_leader.pid:l group_leader.real_group.id group_leader.real_group.name group_leader.real_user.id group_leader.real_user.name group_leader.same_as_process:b \
group_leader.saved_group.id group_leader.saved_group.name group_leader.saved_user.id group_leader.saved_user.name group_leader.start:t group_leader.supplemental_groups.id \
group_leader.supplemental_groups.name group_leader.tty.char_device.major:l group_leader.tty.char_device.minor:l group_leader.user.id group_leader.user.name \
group_leader.vpid:l group_leader.working_directory hash.cdhash hash.md5 hash.sha1 hash.sha256 hash.sha384 hash.sha512 hash.ssdeep hash.tlsh interactive:b \
io.bytes_skipped.length:l io.bytes_skipped.offset:l io.max_bytes_per_process_exceeded:b io.text io.total_bytes_captured:l io.total_bytes_skipped:l io.type \
macho.go_import_hash macho.go_imports_names_entropy:l macho.go_imports_names_var_entropy:l macho.go_stripped:b macho.import_hash macho.imports_names_entropy:l \
macho.imports_names_var_entropy:l macho.symhash name parent.args parent.args_count:l parent.code_signature.digest_algorithm parent.code_signature.exists:b \
parent.code_signature.flags parent.code_signature.signing_id parent.code_signature.status parent.code_signature.subject_name parent.code_signature.team_id \
parent.code_signature.thumbprint_sha256 parent.code_signature.timestamp:t parent.code_signature.trusted:b parent.code_signature.valid:b parent.command_line \
parent.elf.architecture parent.elf.byte_order parent.elf.cpu_type parent.elf.creation_date:t parent.elf.go_import_hash parent.elf.go_imports_names_entropy:l \
parent.elf.go_imports_names_var_entropy:l parent.elf.go_stripped:b parent.elf.header.abi_version parent.elf.header.class parent.elf.header.data \
parent.elf.header.entrypoint:l parent.elf.header.object_version parent.elf.header.os_abi parent.elf.header.type parent.elf.header.version parent.elf.import_hash \
parent.elf.imports_names_entropy:l parent.elf.imports_names_var_entropy:l parent.elf.shared_libraries parent.elf.telfhash parent.end:t parent.entity_id parent.executable \
parent.exit_code:l parent.group.id parent.group.name parent.group_leader.entity_id parent.group_leader.pid:l parent.group_leader.start:t parent.group_leader.vpid:l \
parent.hash.cdhash parent.hash.md5 parent.hash.sha1 parent.hash.sha256 parent.hash.sha384 parent.hash.sha512 parent.hash.ssdeep parent.hash.tlsh parent.interactive:b \
parent.macho.go_import_hash parent.macho.go_imports_names_entropy:l parent.macho.go_imports_names_var_entropy:l parent.macho.go_stripped:b parent.macho.import_hash \
parent.macho.imports_names_entropy:l parent.macho.imports_names_var_entropy:l parent.macho.symhash parent.name parent.pe.architecture parent.pe.company \
parent.pe.description parent.pe.file_version parent.pe.go_import_hash parent.pe.go_imports_names_entropy:l parent.pe.go_imports_names_var_entropy:l \
parent.pe.go_stripped:b parent.pe.imphash parent.pe.import_hash parent.pe.imports_names_entropy:l parent.pe.imports_names_var_entropy:l parent.pe.original_file_name \
parent.pe.pehash parent.pe.product parent.pid:l parent.real_group.id parent.real_group.name parent.real_user.id parent.real_user.name parent.saved_group.id \
parent.saved_group.name parent.saved_user.id parent.saved_user.name parent.start:t parent.supplemental_groups.id parent.supplemental_groups.name \
parent.thread.capabilities.effective parent.thread.capabilities.permitted parent.thread.id:l parent.thread.name parent.title parent.tty.char_device.major:l \
parent.tty.char_device.minor:l parent.uptime:l parent.user.id parent.user.name parent.vpid:l parent.working_directory pe.architecture pe.company pe.description \
pe.file_version pe.go_import_hash pe.go_imports_names_entropy:l pe.go_imports_names_var_entropy:l pe.go_stripped:b pe.imphash pe.import_hash pe.imports_names_entropy:l \
pe.imports_names_var_entropy:l pe.original_file_name pe.pehash pe.product pid:l previous.args previous.args_count:l previous.executable real_group.id real_group.name \
real_user.id real_user.name saved_group.id saved_group.name saved_user.id saved_user.name session_leader.args session_leader.args_count:l session_leader.command_line \
session_leader.entity_id session_leader.executable session_leader.group.id session_leader.group.name session_leader.interactive:b session_leader.name \
session_leader.parent.entity_id session_leader.parent.pid:l session_leader.parent.session_leader.entity_id session_leader.parent.session_leader.pid:l \
session_leader.parent.session_leader.start:t session_leader.parent.session_leader.vpid:l session_leader.parent.start:t session_leader.parent.vpid:l session_leader.pid:l \
session_leader.real_group.id session_leader.real_group.name session_leader.real_user.id session_leader.real_user.name session_leader.same_as_process:b \
session_leader.saved_group.id session_leader.saved_group.name session_leader.saved_user.id session_leader.saved_user.name session_leader.start:t \
session_leader.supplemental_groups.id session_leader.supplemental_groups.name session_leader.tty.char_device.major:l session_leader.tty.char_device.minor:l \
session_leader.user.id session_leader.user.name session_leader.vpid:l session_leader.working_directory start:t supplemental_groups.id supplemental_groups.name \
thread.capabilities.effective thread.capabilities.permitted thread.id:l thread.name title tty.char_device.major:l tty.char_device.minor:l tty.columns:l tty.rows:l \
uptime:l user.id user.name vpid:l working_directory",
    ),
    (
        "registry",
        "data.bytes data.strings data.type hive key path value",
    ),
    ("related", "hash hosts ip:a user"),
    (
        "rule",
        "author category description id license name reference ruleset uuid version",
    ),
    (
        "server",
        "address as.number:l as.organization.name bytes:l domain geo.city_name geo.continent_code geo.continent_name geo.country_iso_code geo.country_name geo.name geo.postal_code \
geo.region_iso_code geo.region_name geo.timezone ip:a mac nat.ip:a nat.port:l packets:l port:l registered_domain subdomain top_level_domain user.domain user.email \
user.full_name user.group.domain user.group.id user.group.name user.hash user.id user.name user.roles",
    ),
    (
        "service",
        "address entity.attributes.known_redirects entity.attributes.managed:b entity.attributes.mfa_enabled:b entity.attributes.oauth_consent_restriction \
entity.attributes.permissions entity.attributes.storage_class entity.display_name entity.id entity.last_seen_timestamp:t entity.lifecycle.last_activity:t entity.name \
entity.reference entity.relationships.administers.entity.id entity.relationships.administers.host.id entity.relationships.administers.host.name \
entity.relationships.administers.service.id entity.relationships.administers.service.name entity.relationships.administers.user.domain \
entity.relationships.administers.user.email entity.relationships.administers.user.id entity.relationships.administers.user.name entity.relationships.depends_on.entity.id \
entity.relationships.depends_on.host.id entity.relationships.depends_on.host.name entity.relationships.depends_on.service.id entity.relationships.depends_on.service.name \
entity.relationships.depends_on.user.domain entity.relationships.depends_on.user.email entity.relationships.depends_on.user.id entity.relationships.depends_on.user.name \
entity.relationships.owns.entity.id entity.relationships.owns.host.id entity.relationships.owns.host.name entity.relationships.owns.service.id \
entity.relationships.owns.service.name entity.relationships.owns.user.domain entity.relationships.owns.user.email entity.relationships.owns.user.id \
entity.relationships.owns.user.name entity.relationships.supervises.entity.id entity.relationships.supervises.host.id entity.relationships.supervises.host.name \
entity.relationships.supervises.service.id entity.relationships.supervises.service.name entity.relationships.supervises.user.domain \
entity.relationships.supervises.user.email entity.relationships.supervises.user.id entity.relationships.supervises.user.name entity.source entity.sub_type entity.type \
environment ephemeral_id id name node.name node.role node.roles origin.address origin.entity.attributes.known_redirects origin.entity.attributes.managed:b \
origin.entity.attributes.mfa_enabled:b origin.entity.attributes.oauth_consent_restriction origin.entity.attributes.permissions origin.entity.attributes.storage_class \
origin.entity.display_name origin.entity.id origin.entity.last_seen_timestamp:t origin.entity.lifecycle.last_activity:t origin.entity.name origin.entity.reference \
origin.entity.relationships.administers.entity.id origin.entity.relationships.administers.host.id origin.entity.relationships.administers.host.name \
origin.entity.relationships.administers.service.id origin.entity.relationships.administers.service.name origin.entity.relationships.administers.user.domain \
origin.entity.relationships.administers.user.email origin.entity.relationships.administers.user.id origin.entity.relationships.administers.user.name \
origin.entity.relationships.depends_on.entity.id origin.entity.relationships.depends_on.host.id origin.entity.relationships.depends_on.host.name \
origin.entity.relationships.depends_on.service.id origin.entity.relationships.depends_on.service.name origin.entity.relationships.depends_on.user.domain \
origin.entity.relationships.depends_on.user.email origin.entity.relationships.depends_on.user.id origin.entity.relationships.depends_on.user.name \
origin.entity.relationships.owns.entity.id origin.entity.relationships.owns.host.id origin.entity.relationships.owns.host.name origin.entity.relationships.owns.service.id \
origin.entity.relationships.owns.service.name origin.entity.relationships.owns.user.domain origin.entity.relationships.owns.user.email \
origin.entity.relationships.owns.user.id origin.entity.relationships.owns.user.name origin.entity.relationships.supervises.entity.id \
origin.entity.relationships.supervises.host.id origin.entity.relationships.supervises.host.name origin.entity.relationships.supervises.service.id \
origin.entity.relationships.supervises.service.name origin.entity.relationships.supervises.user.domain origin.entity.relationships.supervises.user.email \
origin.entity.relationships.supervises.user.id origin.entity.relationships.supervises.user.name origin.entity.source origin.entity.sub_type origin.entity.type \
origin.environment origin.ephemeral_id origin.id origin.name origin.node.name origin.node.role origin.node.roles origin.state origin.type origin.version state \
target.address target.entity.attributes.known_redirects target.entity.attributes.managed:b target.entity.attributes.mfa_enabled:b \
target.entity.attributes.oauth_consent_restriction target.entity.attributes.permissions target.entity.attributes.storage_class target.entity.display_name target.entity.id \
target.entity.last_seen_timestamp:t target.entity.lifecycle.last_activity:t target.entity.name target.entity.reference target.entity.relationships.administers.entity.id \
target.entity.relationships.administers.host.id target.entity.relationships.administers.host.name target.entity.relationships.administers.service.id \
target.entity.relationships.administers.service.name target.entity.relationships.administers.user.domain target.entity.relationships.administers.user.email \
target.entity.relationships.administers.user.id target.entity.relationships.administers.user.name target.entity.relationships.depends_on.entity.id \
target.entity.relationships.depends_on.host.id target.entity.relationships.depends_on.host.name target.entity.relationships.depends_on.service.id \
target.entity.relationships.depends_on.service.name target.entity.relationships.depends_on.user.domain target.entity.relationships.depends_on.user.email \
target.entity.relationships.depends_on.user.id target.entity.relationships.depends_on.user.name target.entity.relationships.owns.entity.id \
target.entity.relationships.owns.host.id target.entity.relationships.owns.host.name target.entity.relationships.owns.service.id \
target.entity.relationships.owns.service.name target.entity.relationships.owns.user.domain target.entity.relationships.owns.user.email \
target.entity.relationships.owns.user.id target.entity.relationships.owns.user.name target.entity.relationships.supervises.entity.id \
target.entity.relationships.supervises.host.id target.entity.relationships.supervises.host.name target.entity.relationships.supervises.service.id \
target.entity.relationships.supervises.service.name target.entity.relationships.supervises.user.domain target.entity.relationships.supervises.user.email \
target.entity.relationships.supervises.user.id target.entity.relationships.supervises.user.name target.entity.source target.entity.sub_type target.entity.type \
target.environment target.ephemeral_id target.id target.name target.node.name target.node.role target.node.roles target.state target.type target.version type version",
    ),
    (
        "source",
        "address as.number:l as.organization.name bytes:l domain geo.city_name geo.continent_code geo.continent_name geo.country_iso_code geo.country_name geo.name geo.postal_code \
geo.region_iso_code geo.region_name geo.timezone ip:a mac nat.ip:a nat.port:l packets:l port:l registered_domain subdomain top_level_domain user.domain user.email \
user.full_name user.group.domain user.group.id user.group.name user.hash user.id user.name user.roles",
    ),
    ("span", "id"),
    (
        "threat",
        "feed.dashboard_id feed.description feed.name feed.reference framework group.alias group.id group.name group.reference indicator.as.number:l indicator.as.organization.name \
indicator.confidence indicator.description indicator.email.address indicator.file.accessed:t indicator.file.attributes indicator.file.code_signature.digest_algorithm \
indicator.file.code_signature.exists:b indicator.file.code_signature.flags indicator.file.code_signature.signing_id indicator.file.code_signature.status \
indicator.file.code_signature.subject_name indicator.file.code_signature.team_id indicator.file.code_signature.thumbprint_sha256 indicator.file.code_signature.timestamp:t \
indicator.file.code_signature.trusted:b indicator.file.code_signature.valid:b indicator.file.created:t indicator.file.ctime:t indicator.file.device \
indicator.file.directory indicator.file.drive_letter indicator.file.elf.architecture indicator.file.elf.byte_order indicator.file.elf.cpu_type \
indicator.file.elf.creation_date:t indicator.file.elf.go_import_hash indicator.file.elf.go_imports_names_entropy:l indicator.file.elf.go_imports_names_var_entropy:l \
indicator.file.elf.go_stripped:b indicator.file.elf.header.abi_version indicator.file.elf.header.class indicator.file.elf.header.data \
indicator.file.elf.header.entrypoint:l indicator.file.elf.header.object_version indicator.file.elf.header.os_abi indicator.file.elf.header.type \
indicator.file.elf.header.version indicator.file.elf.import_hash indicator.file.elf.imports_names_entropy:l indicator.file.elf.imports_names_var_entropy:l \
indicator.file.elf.shared_libraries indicator.file.elf.telfhash indicator.file.extension indicator.file.fork_name indicator.file.gid indicator.file.group \
indicator.file.hash.cdhash indicator.file.hash.md5 indicator.file.hash.sha1 indicator.file.hash.sha256 indicator.file.hash.sha384 indicator.file.hash.sha512 \
indicator.file.hash.ssdeep indicator.file.hash.tlsh indicator.file.inode indicator.file.mime_type indicator.file.mode indicator.file.mtime:t indicator.file.name \
indicator.file.origin_referrer_url indicator.file.origin_url indicator.file.owner indicator.file.path indicator.file.pe.architecture indicator.file.pe.company \
indicator.file.pe.description indicator.file.pe.file_version indicator.file.pe.go_import_hash indicator.file.pe.go_imports_names_entropy:l \
indicator.file.pe.go_imports_names_var_entropy:l indicator.file.pe.go_stripped:b indicator.file.pe.imphash indicator.file.pe.import_hash \
indicator.file.pe.imports_names_entropy:l indicator.file.pe.imports_names_var_entropy:l indicator.file.pe.original_file_name indicator.file.pe.pehash \
indicator.file.pe.product indicator.file.size:l indicator.file.target_path indicator.file.type indicator.file.uid indicator.file.x509.alternative_names \
indicator.file.x509.issuer.common_name indicator.file.x509.issuer.country indicator.file.x509.issuer.distinguished_name indicator.file.x509.issuer.locality \
indicator.file.x509.issuer.organization indicator.file.x509.issuer.organizational_unit indicator.file.x509.issuer.state_or_province indicator.file.x509.not_after:t \
indicator.file.x509.not_before:t indicator.file.x509.public_key_algorithm indicator.file.x509.public_key_curve indicator.file.x509.public_key_exponent:l \
indicator.file.x509.public_key_size:l indicator.file.x509.serial_number indicator.file.x509.signature_algorithm indicator.file.x509.subject.common_name \
indicator.file.x509.subject.country indicator.file.x509.subject.distinguished_name indicator.file.x509.subject.locality indicator.file.x509.subject.organization \
indicator.file.x509.subject.organizational_unit indicator.file.x509.subject.state_or_province indicator.file.x509.version_number indicator.first_seen:t \
indicator.geo.city_name indicator.geo.continent_code indicator.geo.continent_name indicator.geo.country_iso_code indicator.geo.country_name indicator.geo.name \
indicator.geo.postal_code indicator.geo.region_iso_code indicator.geo.region_name indicator.geo.timezone indicator.id indicator.ip:a indicator.last_seen:t \
indicator.marking.tlp indicator.marking.tlp_version indicator.modified_at:t indicator.name indicator.port:l indicator.provider indicator.reference \
indicator.registry.data.bytes indicator.registry.data.strings indicator.registry.data.type indicator.registry.hive indicator.registry.key indicator.registry.path \
indicator.registry.value indicator.scanner_stats:l indicator.sightings:l indicator.type indicator.url.domain indicator.url.extension indicator.url.fragment \
indicator.url.full indicator.url.original indicator.url.password indicator.url.path indicator.url.port:l indicator.url.query indicator.url.registered_domain \
indicator.url.scheme indicator.url.subdomain indicator.url.top_level_domain indicator.url.username indicator.x509.alternative_names indicator.x509.issuer.common_name \
indicator.x509.issuer.country indicator.x509.issuer.distinguished_name indicator.x509.issuer.locality indicator.x509.issuer.organization \
indicator.x509.issuer.organizational_unit indicator.x509.issuer.state_or_province indicator.x509.not_after:t indicator.x509.not_before:t \
indicator.x509.public_key_algorithm indicator.x509.public_key_curve indicator.x509.public_key_exponent:l indicator.x509.public_key_size:l indicator.x509.serial_number \
indicator.x509.signature_algorithm indicator.x509.subject.common_name indicator.x509.subject.country indicator.x509.subject.distinguished_name \
indicator.x509.subject.locality indicator.x509.subject.organization indicator.x509.subject.organizational_unit indicator.x509.subject.state_or_province \
indicator.x509.version_number software.alias software.id software.name software.platforms software.reference software.type tactic.id tactic.name tactic.reference \
technique.id technique.name technique.reference technique.subtechnique.id technique.subtechnique.name technique.subtechnique.reference",
    ),
    (
        "tls",
        "cipher client.certificate client.certificate_chain client.hash.md5 client.hash.sha1 client.hash.sha256 client.issuer client.ja3 client.not_after:t client.not_before:t \
client.server_name client.subject client.supported_ciphers client.x509.alternative_names client.x509.issuer.common_name client.x509.issuer.country \
client.x509.issuer.distinguished_name client.x509.issuer.locality client.x509.issuer.organization client.x509.issuer.organizational_unit \
client.x509.issuer.state_or_province client.x509.not_after:t client.x509.not_before:t client.x509.public_key_algorithm client.x509.public_key_curve \
client.x509.public_key_exponent:l client.x509.public_key_size:l client.x509.serial_number client.x509.signature_algorithm client.x509.subject.common_name \
client.x509.subject.country client.x509.subject.distinguished_name client.x509.subject.locality client.x509.subject.organization client.x509.subject.organizational_unit \
client.x509.subject.state_or_province client.x509.version_number curve established:b next_protocol resumed:b server.certificate server.certificate_chain server.hash.md5 \
server.hash.sha1 server.hash.sha256 server.issuer server.ja3s server.not_after:t server.not_before:t server.subject server.x509.alternative_names \
server.x509.issuer.common_name server.x509.issuer.country server.x509.issuer.distinguished_name server.x509.issuer.locality server.x509.issuer.organization \
server.x509.issuer.organizational_unit server.x509.issuer.state_or_province server.x509.not_after:t server.x509.not_before:t server.x509.public_key_algorithm \
server.x509.public_key_curve server.x509.public_key_exponent:l server.x509.public_key_size:l server.x509.serial_number server.x509.signature_algorithm \
server.x509.subject.common_name server.x509.subject.country server.x509.subject.distinguished_name server.x509.subject.locality server.x509.subject.organization \
server.x509.subject.organizational_unit server.x509.subject.state_or_province server.x509.version_number version version_protocol",
    ),
    ("trace", "id"),
    ("transaction", "id"),
    (
        "url",
        "domain extension fragment full original password path port:l query registered_domain scheme subdomain top_level_domain username",
    ),
    (
        "user",
        "changes.domain changes.email changes.entity.attributes.known_redirects changes.entity.attributes.managed:b changes.entity.attributes.mfa_enabled:b \
changes.entity.attributes.oauth_consent_restriction changes.entity.attributes.permissions changes.entity.attributes.storage_class changes.entity.display_name \
changes.entity.id changes.entity.last_seen_timestamp:t changes.entity.lifecycle.last_activity:t changes.entity.name changes.entity.reference \
changes.entity.relationships.administers.entity.id changes.entity.relationships.administers.host.id changes.entity.relationships.administers.host.name \
changes.entity.relationships.administers.service.id changes.entity.relationships.administers.service.name changes.entity.relationships.administers.user.domain \
changes.entity.relationships.administers.user.email changes.entity.relationships.administers.user.id changes.entity.relationships.administers.user.name \
changes.entity.relationships.depends_on.entity.id changes.entity.relationships.depends_on.host.id changes.entity.relationships.depends_on.host.name \
changes.entity.relationships.depends_on.service.id changes.entity.relationships.depends_on.service.name changes.entity.relationships.depends_on.user.domain \
changes.entity.relationships.depends_on.user.email changes.entity.relationships.depends_on.user.id changes.entity.relationships.depends_on.user.name \
changes.entity.relationships.owns.entity.id changes.entity.relationships.owns.host.id changes.entity.relationships.owns.host.name \
changes.entity.relationships.owns.service.id changes.entity.relationships.owns.service.name changes.entity.relationships.owns.user.domain \
changes.entity.relationships.owns.user.email changes.entity.relationships.owns.user.id changes.entity.relationships.owns.user.name \
changes.entity.relationships.supervises.entity.id changes.entity.relationships.supervises.host.id changes.entity.relationships.supervises.host.name \
changes.entity.relationships.supervises.service.id changes.entity.relationships.supervises.service.name changes.entity.relationships.supervises.user.domain \
changes.entity.relationships.supervises.user.email changes.entity.relationships.supervises.user.id changes.entity.relationships.supervises.user.name changes.entity.source \
changes.entity.sub_type changes.entity.type changes.full_name changes.group.domain changes.group.id changes.group.name changes.hash changes.id changes.name \
changes.risk.calculated_level changes.risk.calculated_score:f changes.risk.calculated_score_norm:f changes.risk.static_level changes.risk.static_score:f \
changes.risk.static_score_norm:f changes.roles domain effective.domain effective.email effective.entity.attributes.known_redirects effective.entity.attributes.managed:b \
effective.entity.attributes.mfa_enabled:b effective.entity.attributes.oauth_consent_restriction effective.entity.attributes.permissions \
effective.entity.attributes.storage_class effective.entity.display_name effective.entity.id effective.entity.last_seen_timestamp:t \
effective.entity.lifecycle.last_activity:t effective.entity.name effective.entity.reference effective.entity.relationships.administers.entity.id \
effective.entity.relationships.administers.host.id effective.entity.relationships.administers.host.name effective.entity.relationships.administers.service.id \
effective.entity.relationships.administers.service.name effective.entity.relationships.administers.user.domain effective.entity.relationships.administers.user.email \
effective.entity.relationships.administers.user.id effective.entity.relationships.administers.user.name effective.entity.relationships.depends_on.entity.id \
effective.entity.relationships.depends_on.host.id effective.entity.relationships.depends_on.host.name effective.entity.relationships.depends_on.service.id \
effective.entity.relationships.depends_on.service.name effective.entity.relationships.depends_on.user.domain effective.entity.relationships.depends_on.user.email \
effective.entity.relationships.depends_on.user.id effective.entity.relationships.depends_on.user.name effective.entity.relationships.owns.entity.id \
effective.entity.relationships.owns.host.id effective.entity.relationships.owns.host.name effective.entity.relationships.owns.service.id \
effective.entity.relationships.owns.service.name effective.entity.relationships.owns.user.domain effective.entity.relationships.owns.user.email \
effective.entity.relationships.owns.user.id effective.entity.relationships.owns.user.name effective.entity.relationships.supervises.entity.id \
effective.entity.relationships.supervises.host.id effective.entity.relationships.supervises.host.name effective.entity.relationships.supervises.service.id \
effective.entity.relationships.supervises.service.name effective.entity.relationships.supervises.user.domain effective.entity.relationships.supervises.user.email \
effective.entity.relationships.supervises.user.id effective.entity.relationships.supervises.user.name effective.entity.source effective.entity.sub_type \
effective.entity.type effective.full_name effective.group.domain effective.group.id effective.group.name effective.hash effective.id effective.name \
effective.risk.calculated_level effective.risk.calculated_score:f effective.risk.calculated_score_norm:f effective.risk.static_level effective.risk.static_score:f \
effective.risk.static_score_norm:f effective.roles email entity.attributes.known_redirects entity.attributes.managed:b entity.attributes.mfa_enabled:b \
entity.attributes.oauth_consent_restriction entity.attributes.permissions entity.attributes.storage_class entity.display_name entity.id entity.last_seen_timestamp:t \
entity.lifecycle.last_activity:t entity.name entity.reference entity.relationships.administers.entity.id entity.relationships.administers.host.id \
entity.relationships.administers.host.name entity.relationships.administers.service.id entity.relationships.administers.service.name \
entity.relationships.administers.user.domain entity.relationships.administers.user.email entity.relationships.administers.user.id \
entity.relationships.administers.user.name entity.relationships.depends_on.entity.id entity.relationships.depends_on.host.id entity.relationships.depends_on.host.name \
entity.relationships.depends_on.service.id entity.relationships.depends_on.service.name entity.relationships.depends_on.user.domain \
entity.relationships.depends_on.user.email entity.relationships.depends_on.user.id entity.relationships.depends_on.user.name entity.relationships.owns.entity.id \
entity.relationships.owns.host.id entity.relationships.owns.host.name entity.relationships.owns.service.id entity.relationships.owns.service.name \
entity.relationships.owns.user.domain entity.relationships.owns.user.email entity.relationships.owns.user.id entity.relationships.owns.user.name \
entity.relationships.supervises.entity.id entity.relationships.supervises.host.id entity.relationships.supervises.host.name entity.relationships.supervises.service.id \
entity.relationships.supervises.service.name entity.relationships.supervises.user.domain entity.relationships.supervises.user.email \
entity.relationships.supervises.user.id entity.relationships.supervises.user.name entity.source entity.sub_type entity.type full_name group.domain group.id group.name \
hash id name risk.calculated_level risk.calculated_score:f risk.calculated_score_norm:f risk.static_level risk.static_score:f risk.static_score_norm:f roles target.domain \
target.email target.entity.attributes.known_redirects target.entity.attributes.managed:b target.entity.attributes.mfa_enabled:b \
target.entity.attributes.oauth_consent_restriction target.entity.attributes.permissions target.entity.attributes.storage_class target.entity.display_name target.entity.id \
target.entity.last_seen_timestamp:t target.entity.lifecycle.last_activity:t target.entity.name target.entity.reference target.entity.relationships.administers.entity.id \
target.entity.relationships.administers.host.id target.entity.relationships.administers.host.name target.entity.relationships.administers.service.id \
target.entity.relationships.administers.service.name target.entity.relationships.administers.user.domain target.entity.relationships.administers.user.email \
target.entity.relationships.administers.user.id target.entity.relationships.administers.user.name target.entity.relationships.depends_on.entity.id \
target.entity.relationships.depends_on.host.id target.entity.relationships.depends_on.host.name target.entity.relationships.depends_on.service.id \
target.entity.relationships.depends_on.service.name target.entity.relationships.depends_on.user.domain target.entity.relationships.depends_on.user.email \
target.entity.relationships.depends_on.user.id target.entity.relationships.depends_on.user.name target.entity.relationships.owns.entity.id \
target.entity.relationships.owns.host.id target.entity.relationships.owns.host.name target.entity.relationships.owns.service.id \
target.entity.relationships.owns.service.name target.entity.relationships.owns.user.domain target.entity.relationships.owns.user.email \
target.entity.relationships.owns.user.id target.entity.relationships.owns.user.name target.entity.relationships.supervises.entity.id \
target.entity.relationships.supervises.host.id target.entity.relationships.supervises.host.name target.entity.relationships.supervises.service.id \
target.entity.relationships.supervises.service.name target.entity.relationships.supervises.user.domain target.entity.relationships.supervises.user.email \
target.entity.relationships.supervises.user.id target.entity.relationships.supervises.user.name target.entity.source target.entity.sub_type target.entity.type \
target.full_name target.group.domain target.group.id target.group.name target.hash target.id target.name target.risk.calculated_level target.risk.calculated_score:f \
target.risk.calculated_score_norm:f target.risk.static_level target.risk.static_score:f target.risk.static_score_norm:f target.roles",
    ),
    (
        "user_agent",
        "device.name name original os.family os.full os.kernel os.name os.platform os.type os.version version",
    ),
    (
        "volume",
        "bus_type default_access device_name device_type dos_name file_system_type mount_name nt_name product_id product_name removable:b serial_number size:l vendor_id \
vendor_name writable:b",
    ),
    (
        "vulnerability",
        "category classification description enumeration id reference report_id scanner.vendor score.base:f score.environmental:f score.temporal:f score.version severity",
    ),
];
