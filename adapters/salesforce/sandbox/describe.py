"""What an org says of its objects to the app's user, in the shape of recorded describes."""

from __future__ import annotations

from adapters.salesforce.sandbox.answers import Json, Reply
from adapters.salesforce.sandbox.call import Call
from adapters.salesforce.sandbox.fields import Field
from adapters.salesforce.sandbox.kinds import TRACKED, Kind
from adapters.salesforce.sandbox.query import children_of
from adapters.salesforce.sandbox.values import label

_SOAP = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime",
}  # fmt: skip
_INT_DIGITS = 8
#: What a merged record went into, which is no tie between records.
_MASTER = "MasterRecordId"
_PERSON_NAMES = frozenset({"FirstName", "LastName", "Salutation"})
_UNGROUPED = frozenset({"double", "currency", "percent", "datetime"})


def show_all(call: Call) -> Reply:
    """Every object that the user sees."""
    seen = [kind for kind in map(call.org.seen, call.org.kinds) if kind is not None]
    return Reply(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [_row(call, kind) for kind in seen]})


def show(call: Call) -> Reply:
    """One object with its fields, and who refers to it."""
    kind = call.kind()
    more: Json = {
        "actionOverrides": [],
        "childRelationships": _children(call, kind),
        "compactLayoutable": True,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [_field(kind, each) for each in kind.fields.values()],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [_master(call, kind)],
        "searchLayoutable": kind.searchable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {kind.plural.lower()}", "name": "everything"}],
    }
    return Reply(200, {**_row(call, kind), **more})


def _row(call: Call, kind: Kind) -> Json:
    """What the list of all objects says of each."""
    base = f"{call.base}/sobjects/{kind.name}"
    of = next((name for name, history in TRACKED.items() if history == kind.name), None)
    return {
        "activateable": False,
        "associateEntityType": "History" if of else None,
        "associateParentEntity": of,
        "createable": kind.createable,
        "custom": kind.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": kind.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": kind.mergeable,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": None if of else kind.prefix,
        "label": kind.label,
        "labelPlural": kind.plural,
        "layoutable": True,
        "mergeable": kind.mergeable,
        "mruEnabled": kind.searchable,
        "name": kind.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": kind.searchable,
        "triggerable": True,
        "undeletable": kind.undeletable,
        "updateable": kind.updateable,
        "urls": {"rowTemplate": f"{base}/{{ID}}", "describe": f"{base}/describe", "sobject": base},
    }


def _master(call: Call, kind: Kind) -> Json:
    master = "012000000000000AAA"
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": master,
        "urls": {"layout": f"{call.base}/sobjects/{kind.name}/describe/layouts/{master}"},
    }


def _children(call: Call, kind: Kind) -> list[Json]:
    told = []
    for owner, name in call.org.referring(kind.name):
        seen = call.org.seen(owner.name)
        if seen is None or name not in seen.fields or name == _MASTER:
            continue
        told.append(
            {
                "cascadeDelete": False,
                "childSObject": owner.name,
                "deprecatedAndHidden": False,
                "field": name,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": children_of(owner, seen.fields[name]) or None,
                "restrictedDelete": False,
            }
        )
    return told


def _field(kind: Kind, each: Field) -> Json:
    """One field, with every key that a recorded describe has."""
    plain = each.filterable
    onward = each.relationship is not None and each.nillable and each.name != _MASTER
    person = each.name in _PERSON_NAMES and "LastName" in kind.fields
    status = each.name == "Status" and each.defaulted and each.values
    default = each.values[0] if status else False if each.type == "boolean" else None
    return {
        "aggregatable": plain and each.type != "boolean",
        "aiPredictionField": False,
        "autoNumber": kind.custom and each.name == "Name",
        "byteLength": each.length if each.type in {"id", "reference"} else each.length * 3,
        "calculated": False,
        "calculatedFormula": None,
        "cascadeDelete": False,
        "caseSensitive": each.case_sensitive,
        "compoundFieldName": "Name" if person else None,
        "controllerName": None,
        "createable": each.createable,
        "custom": each.custom,
        "defaultValue": default,
        "defaultValueFormula": None,
        "defaultedOnCreate": each.defaulted,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": _INT_DIGITS if each.type == "int" else 0,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": each.external,
        "extraTypeInfo": None,
        "filterable": plain,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": plain and each.type not in _UNGROUPED,
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": each.lookup,
        "inlineHelpText": None,
        "label": label(each),
        "length": each.length,
        "mask": None,
        "maskType": None,
        "name": each.name,
        "nameField": each.name == "Name",
        "namePointing": len(each.to) > 1,
        "nillable": each.nillable,
        "permissionable": each.guarded,
        "picklistValues": [_option(each, value) for value in each.values],
        "polymorphicForeignKey": len(each.to) > 1,
        "precision": each.precision,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(each.to),
        "relationshipName": each.relationship,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "restrictedPicklist": each.restricted,
        "scale": each.scale,
        "searchPrefilterable": onward,
        "soapType": _SOAP.get(each.type, "xsd:string"),
        "sortable": plain,
        "type": each.type,
        "unique": each.unique,
        "updateable": each.updateable,
        "writeRequiresMasterRead": False,
    }


def _option(each: Field, value: str) -> Json:
    default = each.name == "Status" and each.defaulted and value == each.values[0]
    return {"active": True, "defaultValue": bool(default), "label": value, "validFor": None, "value": value}
