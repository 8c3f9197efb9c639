/** The newest `capacity` values, oldest first. */
export class Ring {
  #values = [];
  #capacity;
  #start = 0;

  constructor(capacity) {
    this.#capacity = capacity;
  }

  get length() {
    return this.#values.length;
  }

  push(value) {
    if (this.#values.length < this.#capacity) {
      this.#values.push(value);
    } else {
      this.#values[this.#start] = value;
      this.#start = (this.#start + 1) % this.#capacity;
    }
  }

  /** `index` counts from the oldest; negative, from the newest. */
  at(index) {
    const length = this.#values.length;
    const n = index < 0 ? length + index : index;
    return n < 0 || n >= length ? undefined : this.#values[(this.#start + n) % length];
  }

  clear() {
    this.#values = [];
    this.#start = 0;
  }

  *[Symbol.iterator]() {
    for (let n = 0; n < this.length; ++n) yield this.at(n);
  }

  *newestFirst() {
    for (let n = this.length - 1; n >= 0; --n) yield this.at(n);
  }
}
