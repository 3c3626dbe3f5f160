"""The vocabulary of results: frozen values, named as in the JSON report (docs/schema.json is made from them).

Nothing here computes; everything else of the program either makes these values or draws them. Must not know: anything
of ours but `times`. Text that came from the wire stands here already made printable (`ssh/wire.py`); raw octets stand
beside it. Who uses a value imports it from here; which file of this room it is in is its own affair.
"""

from sshpcap.model.agreement import Blocked as Blocked
from sshpcap.model.agreement import Certificate as Certificate
from sshpcap.model.agreement import Grade as Grade
from sshpcap.model.agreement import Graded as Graded
from sshpcap.model.agreement import Guess as Guess
from sshpcap.model.agreement import HostKey as HostKey
from sshpcap.model.agreement import KnownEntry as KnownEntry
from sshpcap.model.agreement import KnownHost as KnownHost
from sshpcap.model.agreement import KnownStatus as KnownStatus
from sshpcap.model.agreement import Negotiation as Negotiation
from sshpcap.model.agreement import ShownKey as ShownKey
from sshpcap.model.agreement import Slot as Slot
from sshpcap.model.agreement import Terrapin as Terrapin
from sshpcap.model.agreement import Validity as Validity
from sshpcap.model.authentication import AfterLogin as AfterLogin
from sshpcap.model.authentication import Authentication as Authentication
from sshpcap.model.authentication import Exchange as Exchange
from sshpcap.model.authentication import Unanswered as Unanswered
from sshpcap.model.base import SCHEMA_VERSION as SCHEMA_VERSION
from sshpcap.model.base import SEVERITIES as SEVERITIES
from sshpcap.model.base import STAGES as STAGES
from sshpcap.model.base import Confidence as Confidence
from sshpcap.model.base import Evidence as Evidence
from sshpcap.model.base import FieldValue as FieldValue
from sshpcap.model.base import How as How
from sshpcap.model.base import Notice as Notice
from sshpcap.model.base import Octets as Octets
from sshpcap.model.base import Outcome as Outcome
from sshpcap.model.base import Severity as Severity
from sshpcap.model.base import Stage as Stage
from sshpcap.model.base import Value as Value
from sshpcap.model.base import Who as Who
from sshpcap.model.capture import Capture as Capture
from sshpcap.model.capture import Interface as Interface
from sshpcap.model.finding import TEXTS_OF as TEXTS_OF
from sshpcap.model.finding import Finding as Finding
from sshpcap.model.finding import Remedy as Remedy
from sshpcap.model.finding import Verdict as Verdict
from sshpcap.model.party import Hassh as Hassh
from sshpcap.model.party import Identification as Identification
from sshpcap.model.party import KexInit as KexInit
from sshpcap.model.party import KnownTypes as KnownTypes
from sshpcap.model.party import Party as Party
from sshpcap.model.party import Unreadable as Unreadable
from sshpcap.model.report import CAPTURES_APART as CAPTURES_APART
from sshpcap.model.report import ClientSaid as ClientSaid
from sshpcap.model.report import Report as Report
from sshpcap.model.report import SaidFit as SaidFit
from sshpcap.model.report import Session as Session
from sshpcap.model.story import Awaited as Awaited
from sshpcap.model.story import Close as Close
from sshpcap.model.story import Disconnect as Disconnect
from sshpcap.model.story import Message as Message
from sshpcap.model.story import TimelineEntry as TimelineEntry
from sshpcap.model.tcp import Checksums as Checksums
from sshpcap.model.tcp import Coverage as Coverage
from sshpcap.model.tcp import IcmpReport as IcmpReport
from sshpcap.model.tcp import Missing as Missing
from sshpcap.model.tcp import Repeat as Repeat
from sshpcap.model.tcp import Reset as Reset
from sshpcap.model.tcp import Tcp as Tcp
from sshpcap.model.tcp import TcpSide as TcpSide
from sshpcap.model.tcp import Vantage as Vantage
from sshpcap.times import Duration as Duration
from sshpcap.times import Timestamp as Timestamp
