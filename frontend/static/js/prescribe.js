// The section “What to do”: its list is kept up to date while a worker computes something in it.

import { poll } from "./poll.js";
import "./take.js";

poll();
