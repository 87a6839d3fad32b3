// A checkpoint's page: keeps up while the file is read, and filters its tensors.

import { poll } from "./poll.js";
import { table } from "./table.js";

table();
poll();
