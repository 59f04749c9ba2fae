"""CDISC ODM 1.3.2: files of other systems read into a study folder, and our studies written as ODM."""
