//! Alerts in the forms in which Wazuh 4.x writes them, as lines of `alerts.json`. Their texts are made
//! up; their keys, the order of those, and what is escaped in them are Wazuh's.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};

/// A form, and how many of a hundred alerts have it.
type Form = (&'static str, usize, fn(&Alert) -> String);

/// Roughly what a site with servers, desktops and file integrity monitoring has.
pub const FORMS: [Form; 5] = [
    ("sshd", 35, sshd),
    ("Windows eventchannel", 30, windows),
    ("PowerShell, escaped", 10, powershell),
    ("syscheck", 15, syscheck),
    ("long full_log", 10, long),
];

/// One alert of so many.
pub struct Alert {
    number: usize,
    agent: usize,
    at: String,
}

/// So many lines of the last ten minutes by so many agents: of one form, or of all mixed.
pub fn lines(count: usize, agents: usize, now: DateTime<Utc>, only: Option<&str>) -> String {
    let mut text = String::new();
    for number in 0..count {
        let at = now - TimeDelta::microseconds(((count - number) * 600_000_000 / count) as i64);
        let at = at.format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string();
        // Primes: neighbours in the file are of different agents and forms.
        let alert = Alert { number, agent: number * 7919 % agents, at };
        let form = only.map_or_else(|| mixed(number * 37 % 100), of_name);
        let _ = writeln!(text, "{}", form(&alert));
    }
    text
}

fn of_name(name: &str) -> fn(&Alert) -> String {
    FORMS.iter().find(|form| form.0 == name).expect("one of the forms").2
}

fn mixed(mut share: usize) -> fn(&Alert) -> String {
    for (_, percent, form) in FORMS {
        if share < percent {
            return form;
        }
        share -= percent;
    }
    unreachable!("the shares are a hundred")
}

impl Alert {
    /// What all have in common around what is special: the rest of the rule, and what follows the id.
    fn written(&self, rule: &str, rest: &str) -> String {
        let Self { number, agent, at } = self;
        format!(
            "{{\"timestamp\":\"{at}\",\"rule\":{{{rule}}},\"agent\":{{\"id\":\"{agent:03}\",\"name\":\"host-{agent:05}\",\
             \"ip\":\"10.0.{}.{}\"}},\"manager\":{{\"name\":\"wazuh-manager\"}},\"id\":\"1767225600.{number}\",\
             \"cluster\":{{\"name\":\"wazuh\",\"node\":\"node01\"}},{rest}}}",
            agent / 250,
            agent % 250,
        )
    }
}

const COMPLIANCE: &str = "\"gdpr\":[\"IV_35.7.d\",\"IV_32.2\"],\"gpg13\":[\"7.1\"],\"hipaa\":[\"164.312.b\"],\
    \"nist_800_53\":[\"AU.14\",\"AC.7\",\"AU.6\"],\"pci_dss\":[\"10.2.4\",\"10.2.5\",\"10.6.1\"],\
    \"tsc\":[\"CC6.1\",\"CC6.8\",\"CC7.2\",\"CC7.3\"]";

fn rule(level: u8, description: &str, id: u32, number: usize, groups: &str) -> String {
    format!(
        "\"level\":{level},\"description\":\"{description}\",\"id\":\"{id}\",\"mitre\":{{\"id\":[\"T1110.001\",\
         \"T1021.004\"],\"tactic\":[\"Credential Access\",\"Lateral Movement\"],\"technique\":[\"Password Guessing\",\
         \"SSH\"]}},\"firedtimes\":{number},\"mail\":false,\"groups\":[{groups}],{COMPLIANCE}"
    )
}

fn sshd(alert: &Alert) -> String {
    let Alert { number, agent, .. } = alert;
    let (port, source) = (1024 + number % 60_000, number % 250);
    let groups = "\"syslog\",\"sshd\",\"authentication_failed\",\"invalid_login\"";
    let rule = rule(5, "sshd: Attempt to login using a non-existent user", 5710, *number, groups);
    let rest = format!(
        "\"full_log\":\"Jan  7 10:00:00 host-{agent:05} sshd[{number}]: Failed password for invalid user \
         \\\"admin{number}\\\" from 198.51.100.{source} port {port} ssh2\",\"predecoder\":{{\"program_name\":\"sshd\",\
         \"timestamp\":\"Jan  7 10:00:00\",\"hostname\":\"host-{agent:05}\"}},\"decoder\":{{\"parent\":\"sshd\",\
         \"name\":\"sshd\"}},\"data\":{{\"srcip\":\"198.51.100.{source}\",\"srcport\":\"{port}\",\
         \"srcuser\":\"admin{number}\"}},\"location\":\"/var/log/auth.log\""
    );
    alert.written(&rule, &rest)
}

/// The data of an event of Windows around its own part.
fn event(alert: &Alert, channel: &str, id: u32, message: &str, data: &str) -> String {
    let Alert { number, agent, .. } = alert;
    format!(
        "\"data\":{{\"win\":{{\"system\":{{\"providerName\":\"Microsoft-Windows-Security-Auditing\",\
         \"providerGuid\":\"{{54849625-5478-4994-a5ba-3e3b0328c30d}}\",\"eventID\":\"{id}\",\"version\":\"2\",\
         \"level\":\"0\",\"task\":\"12544\",\"opcode\":\"0\",\"keywords\":\"0x8010000000000000\",\
         \"systemTime\":\"2026-01-07T10:00:00.1234567Z\",\"eventRecordID\":\"{number}\",\"processID\":\"632\",\
         \"threadID\":\"4520\",\"channel\":\"{channel}\",\"computer\":\"host-{agent:05}.corp.example\",\
         \"severityValue\":\"AUDIT_FAILURE\",\"message\":\"\\\"{message}\\\"\"}},\"eventdata\":{{{data}}}}}}},\
         \"decoder\":{{\"name\":\"windows_eventchannel\"}},\"location\":\"EventChannel\""
    )
}

fn windows(alert: &Alert) -> String {
    let Alert { number, agent, .. } = alert;
    let message = "An account failed to log on.\\r\\n\\r\\nSubject:\\r\\n\\tSecurity ID:\\t\\tS-1-0-0\\r\\n\\tAccount \
        Name:\\t\\t-\\r\\n\\tAccount Domain:\\t\\t-\\r\\n\\tLogon ID:\\t\\t0x0\\r\\n\\r\\nLogon Type:\\t\\t\\t3\\r\\n\\r\\nAccount \
        For Which Logon Failed:\\r\\n\\tSecurity ID:\\t\\tS-1-0-0\\r\\n\\tAccount Name:\\t\\tadministrator\\r\\n\\tAccount \
        Domain:\\t\\tCORP\\r\\n\\r\\nFailure Information:\\r\\n\\tFailure Reason:\\t\\tUnknown user name or bad password.\\r\\n\
        \\tStatus:\\t\\t\\t0xC000006D\\r\\n\\tSub Status:\\t\\t0xC0000064\\r\\n\\r\\nThis event is generated when a logon \
        request fails. It is generated on the computer where access was attempted.";
    let data = format!(
        "\"subjectUserSid\":\"S-1-0-0\",\"subjectLogonId\":\"0x0\",\"targetUserSid\":\"S-1-0-0\",\
         \"targetUserName\":\"admin{number}\",\"targetDomainName\":\"CORP\",\"status\":\"0xc000006d\",\
         \"failureReason\":\"%%2313\",\"subStatus\":\"0xc0000064\",\"logonType\":\"3\",\"logonProcessName\":\"NtLmSsp\",\
         \"authenticationPackageName\":\"NTLM\",\"workstationName\":\"WS-{agent}\",\"keyLength\":\"0\",\
         \"processId\":\"0x0\",\"processName\":\"C:\\\\\\\\Windows\\\\\\\\System32\\\\\\\\svchost.exe\",\
         \"ipAddress\":\"198.51.100.{}\",\"ipPort\":\"{}\"",
        number % 250,
        1024 + number % 60_000,
    );
    let groups = "\"windows\",\"windows_security\",\"authentication_failed\"";
    let rule = rule(5, "Logon failure - Unknown user or bad password.", 60122, *number, groups);
    alert.written(&rule, &event(alert, "Security", 4625, message, &data))
}

/// Nothing but quotes, backslashes and `\u`.
fn powershell(alert: &Alert) -> String {
    let script = "$o = @{\\\\\\\"name\\\\\\\"=\\\\\\\"caf\\u00e9 \\u003cb\\u003e\\\\\\\"; \\\\\\\"path\\\\\\\"=\\\\\\\"C:\\\\\\\\Users\\\\\\\\x\\\\\\\"}\\r\\n";
    let script = script.repeat(12);
    let data = format!("\"messageNumber\":\"1\",\"messageTotal\":\"1\",\"scriptBlockText\":\"{script}\"");
    let message =
        format!("Creating Scriptblock text (1 of 1):\\r\\n{script}\\r\\nScriptBlock ID: 7f3c\\r\\nPath:");
    let rule = rule(
        10,
        "Powershell script \\\"Invoke\\\" executed",
        91816,
        alert.number,
        "\"windows\",\"powershell\"",
    );
    alert.written(&rule, &event(alert, "Microsoft-Windows-PowerShell/Operational", 4104, &message, &data))
}

fn syscheck(alert: &Alert) -> String {
    let number = alert.number;
    let groups = "\"ossec\",\"syscheck\",\"syscheck_entry_modified\",\"syscheck_file\"";
    let rule = rule(7, "Integrity checksum changed.", 550, number, groups);
    let rest = format!(
        "\"full_log\":\"File '/etc/app/conf.d/{number}.conf' modified\\nMode: realtime\\nChanged attributes: \
         size,mtime,inode,md5,sha1,sha256\\nSize changed from '1024' to '1031'\\nOld modification time was: \
         '1767225600', now it is '1767225660'\\nOld md5sum was: 'd41d8cd98f00b204e9800998ecf8427e'\\nNew md5sum is : \
         '9e107d9d372bb6826bd81d3542a419d6'\\n\",\"syscheck\":{{\"path\":\"/etc/app/conf.d/{number}.conf\",\
         \"mode\":\"realtime\",\"size_before\":\"1024\",\"size_after\":\"1031\",\"perm_after\":\"rw-r--r--\",\
         \"uid_after\":\"0\",\"gid_after\":\"0\",\"md5_before\":\"d41d8cd98f00b204e9800998ecf8427e\",\
         \"md5_after\":\"9e107d9d372bb6826bd81d3542a419d6\",\
         \"sha1_before\":\"da39a3ee5e6b4b0d3255bfef95601890afd80709\",\
         \"sha1_after\":\"2fd4e1c67a2d28fced849ee1bb76e7391b93eb12\",\
         \"sha256_before\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\
         \"sha256_after\":\"d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592\",\
         \"uname_after\":\"root\",\"gname_after\":\"root\",\"mtime_before\":\"2026-01-07T09:59:00\",\
         \"mtime_after\":\"2026-01-07T10:00:00\",\"inode_before\":{number},\"inode_after\":{number},\
         \"diff\":\"2c2\\n< listen = 80\\n---\\n> listen = 8080\\n\",\"changed_attributes\":[\"size\",\"mtime\",\"inode\",\
         \"md5\",\"sha1\",\"sha256\"],\"event\":\"modified\"}},\"decoder\":{{\"name\":\"syscheck_integrity_changed\"}},\
         \"location\":\"syscheck\""
    );
    alert.written(&rule, &rest)
}

/// As of auditd or a web application firewall: some kibibytes in one text.
fn long(alert: &Alert) -> String {
    let number = alert.number;
    let audit = "type=SYSCALL msg=audit(1767225600.123:4711): arch=c000003e syscall=59 success=yes exit=0 ppid=812 \
                 pid=813 auid=1000 uid=0 gid=0 tty=pts0 comm=\\\"bash\\\" exe=\\\"/usr/bin/bash\\\" key=\\\"audit-wazuh-c\\\" ";
    let rule = rule(3, "Audit: Command: /usr/bin/bash.", 80792, number, "\"audit\",\"audit_command\"");
    let rest = format!(
        "\"full_log\":\"{}\",\"decoder\":{{\"parent\":\"auditd\",\"name\":\"auditd\"}},\"data\":{{\"audit\":{{\
         \"type\":\"SYSCALL\",\"id\":\"{number}\",\"syscall\":\"59\",\"success\":\"yes\",\"pid\":\"813\",\"uid\":\"0\",\
         \"command\":\"bash\",\"exe\":\"/usr/bin/bash\",\"execve\":{{\"a0\":\"bash\",\"a1\":\"-c\"}}}}}},\
         \"location\":\"/var/log/audit/audit.log\"",
        audit.repeat(25)
    );
    alert.written(&rule, &rest)
}
