import { LightningElement, api, wire } from "lwc";
import { getFieldDisplayValue, getFieldValue, getRecord } from "lightning/uiRecordApi";
import { FIELDS } from "./fields";
import { FAILURE, LOADING, tell } from "./words";

/** Who referred the person behind a record. It reads our fields as this user may see them, and changes nothing. */
export default class ReferralCard extends LightningElement {
  @api recordId;
  @api objectApiName;
  view = LOADING;

  // As optional fields, those that are hidden from this user are left out; as others they would fail the whole card.
  @wire(getRecord, { recordId: "$recordId", optionalFields: "$fields" })
  show({ data, error }) {
    if (error) this.view = FAILURE;
    else this.view = data ? tell(this.valuesOf(data)) : LOADING;
  }

  get fields() {
    return this.objectApiName && Object.values(FIELDS[this.objectApiName]);
  }

  valuesOf(record) {
    const asked = Object.entries(FIELDS[this.objectApiName]);
    const values = Object.fromEntries(asked.map(([name, field]) => [name, getFieldValue(record, field)]));
    // The picklist's label, in this user's language.
    if (values.stage) values.stage = getFieldDisplayValue(record, FIELDS[this.objectApiName].stage) ?? values.stage;
    return values;
  }
}
