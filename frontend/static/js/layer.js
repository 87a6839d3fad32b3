// The page of a layer: its figures, and the check that a worker makes.

import { figures } from "./figure.js";
import { poll } from "./poll.js";
import "./take.js";

figures();
poll();
