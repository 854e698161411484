// SPDX-License-Identifier: Apache-2.0
// What an operator does to a service, with who did it: each service records it.
import {callService} from './api.js';

const NAME = 'ordershop-operator'; // of this tab, as the token is

export const operatorField = () => ({name: 'operatorName', label: 'Your name, for the record', value: sessionStorage.getItem(NAME)});

// A form's `send`: calls the method with what `bodyOf(values)` makes of the form, and says what `said(reply)` makes of the
// reply.
export function asOperator(service, method, bodyOf, said) {
  return async (values) => {
    sessionStorage.setItem(NAME, values.operatorName);
    return said(await callService(service, method, {...bodyOf(values), operatorName: values.operatorName}));
  };
}
