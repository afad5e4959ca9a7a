// Package human writes records as aligned lines for a person at a terminal. The
// form may change with any version; scripts use JSON.
package human
